import { Transform, type TransformCallback } from "node:stream";

const CR = 0x0d;
const LF = 0x0a;
const TILDE = 0x7e;
const DOT = 0x2e;

/**
 * Filters the keys typed into a remote terminal. At the start of a line, `~.` calls `disconnect` and `~~` sends one `~`. All other keys are
 * passed on, so `~.` is the only exit from a server that no longer responds.
 */
export class EscapeKeys extends Transform {
  readonly #disconnect: () => void;
  #state: "line" | "begin" | "tilde" = "begin";

  constructor(disconnect: () => void) {
    super();
    this.#disconnect = disconnect;
  }

  override _transform(chunk: Uint8Array, _: BufferEncoding, callback: TransformCallback): void {
    const out: number[] = [];
    for (const byte of chunk) {
      if (this.#state === "tilde") {
        this.#state = "line";
        if (byte === DOT) {
          this.#disconnect();
          continue;
        }
        out.push(TILDE);
        if (byte === TILDE) continue;
      } else if (this.#state === "begin" && byte === TILDE) {
        this.#state = "tilde";
        continue;
      }
      this.#state = byte === CR || byte === LF ? "begin" : "line";
      out.push(byte);
    }
    callback(null, Buffer.from(out));
  }
}
