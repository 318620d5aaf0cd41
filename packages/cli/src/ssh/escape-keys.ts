import { Transform, type TransformCallback } from "node:stream";

const CR = 0x0d;
const LF = 0x0a;

/** What a key does after the escape character. Further keys wait for a promise. */
export type EscapeActions = ReadonlyMap<number, () => void | Promise<void>>;

/**
 * Filters the keys typed into a remote terminal. After the escape character at the start of a line, a key of `actions` is not sent but
 * acts, and a second escape character sends one. All other keys are passed on. So `~.` is the only exit from a server that no longer
 * responds.
 */
export class EscapeKeys extends Transform {
  readonly #escape: number;
  readonly #actions: EscapeActions;
  #state: "line" | "begin" | "escape" = "begin";

  constructor(escape: number, actions: EscapeActions) {
    super();
    this.#escape = escape;
    this.#actions = actions;
  }

  override _transform(chunk: Uint8Array, encoding: BufferEncoding, callback: TransformCallback): void {
    const out: number[] = [];
    for (const [index, byte] of chunk.entries()) {
      if (this.#state === "escape") {
        const act = this.#actions.get(byte);
        if (act !== undefined) {
          this.#state = "begin";
          const acting = act();
          if (acting === undefined) continue;
          this.push(Buffer.from(out));
          acting.then(() => this._transform(chunk.subarray(index + 1), encoding, callback), callback);
          return;
        }
        this.#state = "line";
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
