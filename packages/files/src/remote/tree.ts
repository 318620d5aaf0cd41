import { escapeText, SshError } from "@nacre/wire";
import type { CallContext } from "../channel/call.ts";
import { join } from "../channel/remote-path.ts";
import type { SftpChannel } from "../channel/sftp-channel.ts";
import { readAllEntries } from "./directory.ts";
import type { Dirent } from "./stats.ts";

/** Lists a directory and those below it, each before its entries. Does not follow links. Rejects with the first error. */
export function readTree(channel: SftpChannel, path: string, context: CallContext): Promise<Dirent[]> {
  const parallel = new Parallel();
  const bound = new TreeBound(context);
  const read = async (directory: string, depth: number): Promise<Dirent[]> => {
    const entries = await parallel.run(async () => {
      const listed = await readAllEntries(channel, directory, context);
      bound.hold(depth, directory, listed.length);
      return listed;
    });
    const below = entries.map((entry) =>
      entry.isDirectory() ? read(join(directory, entry.name), depth + 1) : Promise.resolve([]),
    );
    await allSettled(below);
    const lists = await Promise.all(below);
    return entries.flatMap((entry, i) => [entry, ...lists[i]!]);
  };
  return read(path, 0);
}

/** Number of files that a call works on at the same time. */
const MOST_AT_ONCE = 64;

/**
 * Runs tasks, a bounded number at the same time. The task that has waited least comes first, so that a tree is worked on depth first, and
 * few of its directories are held at once. After the first failure, tasks that have not started are not run.
 */
export class Parallel {
  #running = 0;
  #failure: { readonly error: unknown } | undefined;
  readonly #waiting: (() => void)[] = [];

  /**
   * Runs a task when there is a place for it. A task must not wait for another one of the same object. Rejects with the error of the task,
   * or with the first one of an earlier task.
   */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= MOST_AT_ONCE)
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    else this.#running++;
    try {
      if (this.#failure !== undefined) throw this.#failure.error;
      return await task();
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    } finally {
      // The place passes to the next task. Taking the first of very many would copy the others each time.
      const next = this.#waiting.pop();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

/** Resolves when all promises have settled. Rejects with the first error in their order. */
export async function allSettled(promises: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) if (result.status === "rejected") throw result.reason;
}

/** Maximum number of directories below each other; the same as of transfers. */
const MAX_DEPTH = 256;

/** Maximum number of entries that are held. */
const MAX_HELD = 2 ** 20;

/** Throws `output-limit` for more than 256 directories below each other: a hostile server may nest them without an end. */
export function checkDepth(depth: number, call: string, path: string): void {
  if (/* rule: sftp-tree-depth */ depth > MAX_DEPTH)
    throw new SshError(
      "output-limit",
      `${call} "${escapeText(path)}": more than ${MAX_DEPTH} directories are below each other; handle them in parts`,
    );
}

/** Bounds the entries of a tree that a call holds: a hostile server may list new directories without an end. */
export class TreeBound {
  readonly #context: CallContext;
  readonly #maxHeld: number;
  #held = 0;

  constructor(context: CallContext, maxHeld: number = MAX_HELD) {
    this.#context = context;
    this.#maxHeld = maxHeld;
  }

  /** Notes that the entries of a directory are held. Throws `output-limit` if it is too deep, or for too many entries. */
  hold(depth: number, path: string, count: number): void {
    checkDepth(depth, this.#context.call, path);
    this.#held += count;
    if (/* rule: sftp-tree-entries */ this.#held > this.#maxHeld)
      throw new SshError(
        "output-limit",
        `${this.#context.call} "${escapeText(this.#context.path ?? path)}": more than ${this.#maxHeld} entries are held at the same time; handle them in parts`,
      );
  }

  /** Notes that entries are done. */
  release(count: number): void {
    this.#held -= count;
  }
}
