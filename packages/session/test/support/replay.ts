import { concatBytes, type SshError } from "@nacre/wire";
import { createSide, type Role, type SessionOptions, type Side } from "./whole-session.ts";

/** One side of a session with what it receives from a recording: it does what it did when that was recorded. */
export class Replay {
  readonly side: Side;
  readonly #output: Uint8Array[] = [];

  constructor(role: Role, options: SessionOptions) {
    this.side = createSide(role, options);
    this.side.session.start(0);
    this.#turn();
  }

  /** Everything that has left. */
  get output(): Uint8Array {
    return concatBytes(...this.#output);
  }

  get error(): SshError | undefined {
    return this.side.error;
  }

  receive(...chunks: readonly Uint8Array[]): this {
    for (const chunk of chunks) {
      this.side.session.receive(chunk);
      this.#turn();
    }
    return this;
  }

  /** The other side's bytes end here. */
  end(): this {
    this.side.session.end();
    this.#turn();
    return this;
  }

  #turn(): void {
    this.side.work();
    this.#output.push(this.side.takeOutput());
  }
}

/** The chunks up to that many bytes of them all: the last one is cut. */
export function upTo(chunks: readonly Uint8Array[], end: number): Uint8Array[] {
  const all: Uint8Array[] = [];
  let left = end;
  for (const chunk of chunks) {
    if (left <= 0) break;
    all.push(chunk.subarray(0, left));
    left -= chunk.length;
  }
  return all;
}

/** The chunks with the one in which that byte lies in two, the second of which begins with it. */
export function splitAt(chunks: readonly Uint8Array[], at: number): Uint8Array[] {
  let offset = 0;
  return chunks.flatMap((chunk) => {
    const inside = at - offset;
    offset += chunk.length;
    return inside > 0 && inside < chunk.length ? [chunk.subarray(0, inside), chunk.subarray(inside)] : [chunk];
  });
}
