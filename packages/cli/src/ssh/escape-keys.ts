import { Transform, type TransformCallback } from "node:stream";

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;

/**
 * Filters the keys typed into a remote terminal. At the start of a line, `~.` calls `disconnect` and `~~` sends one `~`. All other keys are
 * passed on. `escape` is in the place of `~`. So `~.` is the only exit from a server that no longer responds.
 */
export class EscapeKeys extends Transform {
  readonly #escape: number;
  readonly #disconnect: () => void;
  #state: "line" | "begin" | "escape" = "begin";

  constructor(escape: number, disconnect: () => void) {
    super();
    this.#escape = escape;
    this.#disconnect = disconnect;
  }

  override _transform(chunk: Uint8Array, _: BufferEncoding, callback: TransformCallback): void {
    const out: number[] = [];
    for (const byte of chunk) {
      if (this.#state === "escape") {
        this.#state = "line";
        if (byte === DOT) {
          this.#disconnect();
          continue;
        }
        out.push(this.#escape);
        if (byte === this.#escape) continue;
      } else if (this.#state === "begin" && byte === this.#escape) {
        this.#state = "escape";
        continue;
      }
      this.#state = byte === CR || byte === LF ? "begin" : "line";
      out.push(byte);
    }
    callback(null, Buffer.from(out));
  }
}
