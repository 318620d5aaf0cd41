import type { LocalDirectory } from "../local/local-files.ts";
import type { TargetTree } from "./sides/trees.ts";
import type { Directory } from "./walk.ts";

/** Place of an entry at the target. */
export interface TargetPlace {
  /** Directory of the transfer that contains it; `undefined` for the root. */
  readonly directory: Directory | undefined;
  /** Name in the directory. */
  readonly name: string;
  /** Path, for errors, and for targets that do not hold directories. */
  readonly path: string;
}

/** Maximum number of directories held without a user. A child of a held directory is opened without opening its parents again. */
const MOST_IDLE = 32;

interface Held {
  readonly opening: Promise<LocalDirectory>;
  users: number;
  /** Whether it could not be opened. The next user tries again. */
  hasFailed: boolean;
}

/**
 * Directories of the target, held open while they are used. Each is opened relative to its held parent, without following a link, so that a
 * link that replaces a directory cannot redirect a write. On targets that cannot hold directories, paths are used unchanged.
 */
export class HeldDirectories {
  readonly #target: Pick<TargetTree, "join" | "hold"> | undefined;
  readonly #held = new Map<Directory, Held>();
  /** Directories without a user, oldest first. */
  readonly #idle = new Set<Directory>();
  #releaseRoot: (() => Promise<void>) | undefined;

  /** `target` is missing for a single file. */
  constructor(target?: Pick<TargetTree, "join" | "hold">) {
    this.#target = target;
  }

  /** Calls `work` with a path of a place. The path stays valid until `work` settles. */
  at<T>({ directory, name, path }: TargetPlace, work: (path: string) => Promise<T>): Promise<T> {
    if (directory === undefined || this.#target?.hold === undefined) return work(path);
    const target = this.#target;
    return this.use(directory, (held) => work(target.join(held, name)));
  }

  /** Calls `work` with a path of a directory. The path stays valid until `work` settles. */
  use<T>(directory: Directory, work: (path: string) => Promise<T>): Promise<T> {
    return this.#target?.hold === undefined ? work(directory.to.path) : this.#useHeld(directory, work);
  }

  async #useHeld<T>(directory: Directory, work: (path: string) => Promise<T>): Promise<T> {
    const release = this.keep(directory);
    try {
      return await work((await this.#held.get(directory)!.opening).path);
    } finally {
      await release();
    }
  }

  /** Opens a directory, and holds it at least until the returned function is called. */
  keep(directory: Directory): () => Promise<void> {
    let held = this.#held.get(directory);
    if (held === undefined) {
      const opened: Held = { opening: this.#open(directory), users: 0, hasFailed: false };
      // Its users handle the error.
      opened.opening.catch(() => {
        opened.hasFailed = true;
      });
      this.#held.set(directory, opened);
      held = opened;
    }
    this.#idle.delete(directory);
    const kept = held;
    kept.users++;
    return async () => {
      if (--kept.users > 0) return;
      if (kept.hasFailed) {
        this.#held.delete(directory);
        return;
      }
      this.#idle.add(directory);
      const [oldest] = this.#idle;
      if (this.#idle.size > MOST_IDLE) await this.#release(oldest!);
    };
  }

  /** Holds the root until `close`, so that its path is not resolved again. */
  keepRoot(directory: Directory): void {
    this.#releaseRoot = this.keep(directory);
  }

  /** Releases all directories. Call it when nothing uses them. */
  async close(): Promise<void> {
    await this.#releaseRoot?.();
    for (const directory of this.#idle) await this.#release(directory);
  }

  async #release(directory: Directory): Promise<void> {
    const held = this.#held.get(directory);
    this.#idle.delete(directory);
    this.#held.delete(directory);
    const opened = await held?.opening.catch(() => undefined);
    await opened?.close();
  }

  /** Calls `work` with a path of a directory below a held one. The path stays valid until `work` settles. */
  async below<T>(path: string, work: (path: string) => Promise<T>): Promise<T> {
    if (this.#target?.hold === undefined) return work(path);
    const held = await this.#target.hold(path, false);
    try {
      return await work(held.path);
    } finally {
      await held.close();
    }
  }

  async #open(directory: Directory): Promise<LocalDirectory> {
    const target = this.#target;
    if (target?.hold === undefined) return { path: directory.to.path, close: async () => {} };
    return this.at(directory.to, (path) => target.hold!(path, /* rule: transfer-held-link */ directory.follow));
  }
}
