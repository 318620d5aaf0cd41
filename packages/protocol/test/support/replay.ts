import { concatBytes, type SshError } from "@nacre/wire";
import { type ConnectionOptions, createSide, type Role, type Side } from "./whole-connection.ts";

/** One side of a connection, which receives recorded bytes. It is deterministic, so it repeats its recorded output. */
export class Replay {
  readonly side: Side;
  readonly #output: Uint8Array[] = [];

  constructor(role: Role, options: ConnectionOptions) {
    this.side = createSide(role, options);
    this.side.machine.start(0);
    this.#turn();
  }

  /** All output so far. */
  get output(): Uint8Array {
    return concatBytes(...this.#output);
  }

  get error(): SshError | undefined {
    return this.side.error;
  }

  receive(...chunks: readonly Uint8Array[]): this {
    for (const chunk of chunks) {
      this.side.machine.receive(chunk);
      this.#turn();
    }
    return this;
  }

  /** Ends the input. */
  end(): this {
    this.side.machine.end();
    this.#turn();
    return this;
  }

  #turn(): void {
    this.side.work();
    this.#output.push(this.side.takeOutput());
  }
}

/** Returns the first `end` bytes of the chunks. */
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

/** Returns the chunks, with the chunk that contains byte `at` split before that byte. */
export function splitAt(chunks: readonly Uint8Array[], at: number): Uint8Array[] {
  let offset = 0;
  return chunks.flatMap((chunk) => {
    const inside = at - offset;
    offset += chunk.length;
    return inside > 0 && inside < chunk.length ? [chunk.subarray(0, inside), chunk.subarray(inside)] : [chunk];
  });
}
