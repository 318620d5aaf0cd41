import { readlinkSync } from "node:fs";
import { FileSystemError } from "@nacre/files/server";
import type { Directory, OpenRoot } from "./directory.ts";
import { DirectoryCache, MAX_KEPT } from "./directory-cache.ts";
import { pathText } from "./native-path.ts";
import type { TurnBudget } from "./turn-budget.ts";

/** What a path names: an entry of a directory. */
export interface Place {
  /** Directory that has the entry. */
  readonly directory: Directory;
  /** Name of the entry; "." for the directory itself, such as the root. */
  readonly name: string;
  /** Names from the root to `directory`, without symbolic links. */
  readonly parents: readonly string[];
  /** Whether the path ends with "/", so that it can only name a directory. */
  readonly mustBeDirectory: boolean;
}

/** Returns whether a place is the root itself. */
export function isRoot({ name, parents }: Place): boolean {
  return name === "." && parents.length === 0;
}

/** Returned by a visitor if the entry is a symbolic link that is to be followed. */
export const FOLLOW: unique symbol = Symbol("follow");

/** Maximum number of symbolic links followed for one path, as on Linux. */
const MAX_LINKS = 40;

/**
 * Maximum number of directories opened for one path: a path of 4096 bytes can name as many. The limit matters for paths with many ".." and
 * links.
 */
const MAX_STEPS = 2048;

/** Directories opened for one path in one turn of the event loop, which opening them blocks. */
const STEPS_IN_TURN = 128;

/** The login that a path is followed for. */
export interface PathUser {
  readonly login: string;
  /** Counts an open file or directory. Throws EMFILE if the login has too many. */
  opened(this: void): void;
  /** Counts one less. */
  closed(this: void): void;
}

/**
 * Finds the entries that paths name. Symbolic links are resolved inside the root, as after chroot(2): an absolute one starts at the root,
 * and ".." stays in it. Calls are synchronous, but a path of very many directories takes several turns. Directories of recent calls stay
 * open for a second, which saves most of the work for consecutive requests in one directory.
 */
export class DirectoryTree {
  readonly #start: readonly string[];
  readonly #cache: DirectoryCache;
  readonly #turn: TurnBudget;

  /** Relative paths start at `start`, a path inside the root. */
  constructor(root: string, start: string, openRoot: OpenRoot, turn: TurnBudget) {
    this.#start = partsOf(start);
    this.#cache = new DirectoryCache(() => openRoot(root));
    this.#turn = turn;
  }

  /**
   * Calls `visit` with the place of a path, and resolves with its result. If that is `FOLLOW`, follows the link and calls it again. The
   * directory is good only during the call, not for what runs after its first `await`.
   */
  visit<T>(user: PathUser, path: string, visit: (place: Place) => T | Promise<T> | typeof FOLLOW): Promise<T> {
    return this.#run(user, this.#walk(user, path, visit));
  }

  /** Calls `visit` with the places of two paths, whose links are not followed, and resolves with its result. */
  visitTwo<T>(
    user: PathUser,
    paths: readonly [string, string],
    visit: (first: Place, second: Place) => T | Promise<T>,
  ): Promise<T> {
    return this.#run(user, this.#walkTwo(user, paths, visit));
  }

  /** Runs a walk to its end, each part in a turn of its own. */
  async #run<T>(user: PathUser, walk: Generator<void, T | Promise<T>>): Promise<T> {
    for (;;) {
      const { done, value } = await this.#turn.run(user.login, () => this.#cache.use(() => walk.next()));
      if (done === true) return value;
      await this.#turn.nextTurn();
    }
  }

  *#walkTwo<T>(
    user: PathUser,
    paths: readonly [string, string],
    visit: (first: Place, second: Place) => T,
  ): Generator<void, T> {
    const first = yield* this.#walk(user, paths[0], (place) => place);
    return yield* this.#walk(user, paths[1], (second) => visit(first, second), first.directory);
  }

  /** Yields when it has opened as many directories as one turn allows. `other` is a directory that `visit` needs, too. */
  *#walk<T>(
    user: PathUser,
    path: string,
    visit: (place: Place) => T | typeof FOLLOW,
    other?: Directory,
  ): Generator<void, T> {
    const parts = partsOf(path);
    const absolute = path.startsWith("/") ? parts : [...this.#start, ...parts];
    const known = this.#cache.nearest(absolute);
    let { directory } = known;
    let parents = absolute.slice(0, known.depth);
    /** Names that are left, last first. */
    const left = absolute.slice(known.depth).toReversed();
    let mustBeDirectory = /\/\.?$/.test(path);
    let links = 0;
    let steps = 0;
    let pauseAt = STEPS_IN_TURN;

    const goTo = (next: Directory): void => {
      // rule: sftp-disk-steps
      if (++steps > MAX_STEPS) throw new FileSystemError("ELOOP");
      directory = next;
    };
    const goToRoot = (): void => {
      parents = [];
      goTo(this.#cache.root());
    };
    const follow = (name: string): void => {
      const target = readLink(directory, name);
      if (++links > MAX_LINKS) throw new FileSystemError("ELOOP");
      if (target.startsWith("/")) goToRoot();
      if (left.length === 0) mustBeDirectory ||= target.endsWith("/");
      left.push(...partsOf(target).toReversed());
    };

    for (;;) {
      // rule: sftp-disk-steps-in-turn
      if (steps >= pauseAt) {
        pauseAt += STEPS_IN_TURN;
        yield* this.#pause(user, other === undefined ? [directory] : [directory, other]);
      }
      const name = left.pop() ?? ".";
      // rule: sftp-disk-dot-dot
      if (name === "..") {
        // The names up to here are directories themselves, so the parent is found from the root.
        left.push(...parents.slice(0, -1).toReversed());
        goToRoot();
        continue;
      }
      if (left.length > 0) {
        const next = directory.enter(name);
        if (next === undefined) {
          follow(name);
          continue;
        }
        parents.push(name);
        goTo(next);
        // Only the last directories of a path are kept, so the place of the others need not be looked up.
        if (/* rule: sftp-disk-remote-above */ left.length > MAX_KEPT) this.#cache.retire(next);
        else this.#cache.add(parents, next);
        continue;
      }
      const result = visit({ directory, name, parents, mustBeDirectory });
      if (result !== FOLLOW) return result;
      follow(name);
    }
  }

  /** Yields with directories open. Throws ENOENT if one is elsewhere afterwards: on some systems there is only its path to reach it by. */
  *#pause(user: PathUser, directories: readonly Directory[]): Generator<void, void> {
    const locations = directories.map((directory) => directory.location());
    // rule: sftp-disk-paused-count
    user.opened();
    for (const directory of directories) this.#cache.hold(directory);
    yield;
    for (const directory of directories) this.#cache.release(directory);
    user.closed();
    const isInPlace = directories.every((directory, index) => directory.location() === locations[index]);
    // rule: sftp-disk-paused-place
    if (!isInPlace) throw new FileSystemError("ENOENT");
  }
}

/** Returns the names of a path. */
function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

/** Returns the text of a symbolic link. Throws ENOTDIR for any other entry. */
function readLink(directory: Directory, name: string): string {
  try {
    return pathText(readlinkSync(directory.at(name), "buffer"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EINVAL") throw new FileSystemError("ENOTDIR");
    throw error;
  }
}
