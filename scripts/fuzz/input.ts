// Inputs with several fields. They are encoded like SSH messages, so that the same mutations work on them.

/** Reads the fields of an input in order. Missing bytes read as zero or as an empty string, so that every input is valid. */
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

  /** Reads a string with a length prefix. If bytes are missing, returns those that are left. */
  string(): Uint8Array {
    const length = this.uint32();
    return this.#take(Math.min(length, this.#bytes.length));
  }

  rest(): Uint8Array {
    return this.#take(this.#bytes.length);
  }

  /** Returns the remaining bytes as Latin-1 text, which preserves every byte. */
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

/** Encodes byte strings, each with a length prefix, for {@link Input.string}. */
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
