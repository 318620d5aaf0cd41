// Inputs that say several things: laid out as SSH's own messages are, so that the same mutations work on them.

/** Takes an input apart, front to back. Missing bytes read as zero or empty, so that every input is valid. */
export class Input {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get empty(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  uint32(): number {
    return ((this.byte() << 24) | (this.byte() << 16) | (this.byte() << 8) | this.byte()) >>> 0;
  }

  /** Bytes with their length in front, as many of them as are there. */
  string(): Uint8Array {
    const length = this.uint32();
    return this.#take(Math.min(length, this.#bytes.length));
  }

  rest(): Uint8Array {
    return this.#take(this.#bytes.length);
  }

  /** Text of any bytes, the same bytes for the same text. */
  text(): string {
    return latin1(this.rest());
  }

  #take(length: number): Uint8Array {
    const taken = this.#bytes.slice(this.#at, this.#at + length);
    this.#at += length;
    return taken;
  }
}

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

/** Each byte string with its length in front, as {@link Input.string} reads it. */
export function strings(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(
    Buffer.concat(
      parts.flatMap((part) => {
        const length = Buffer.alloc(4);
        length.writeUInt32BE(part.length);
        return [length, part];
      }),
    ),
  );
}
