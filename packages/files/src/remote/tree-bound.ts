import { escapeText, SshError } from "@nacre/wire";
import type { CallContext } from "./call.ts";

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
