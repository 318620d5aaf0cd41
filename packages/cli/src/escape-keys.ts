import { Transform, type TransformCallback } from "node:stream";

const CR = 0x0d;
const LF = 0x0a;
const TILDE = 0x7e;
const DOT = 0x2e;

/**
 * What is typed into a remote terminal, on its way there. `~.` at the beginning of a line calls `disconnect`: the way out
 * when the other side does not answer any more, as all other keys are sent there. `~~` there is one `~`.
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
