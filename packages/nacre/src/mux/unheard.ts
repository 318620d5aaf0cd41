import type { Bytes } from "@nacre/wire";
import type { Exit } from "../client/options.ts";
import { Backlog } from "../streams/backlog.ts";
import type { ChannelHandler } from "./channel.ts";

/**
 * Keeps what comes for a channel before its user is there: behind the confirmation of an opening a server may send at once. No more than the
 * window comes, as its credit does not return before the user has it.
 */
export class Unheard implements ChannelHandler {
  readonly #data = { stdout: new Backlog(), stderr: new Backlog() };
  #eof = false;
  #end: { readonly exit: Exit; readonly error: Parameters<ChannelHandler["closed"]>[1] } | undefined;

  data(stream: "stdout" | "stderr", bytes: Bytes): void {
    this.#data[stream].push(bytes, bytes.length);
  }

  /** Who comes later begins by writing. */
  writable(): void {}

  eof(): void {
    this.#eof = true;
  }

  closed(...[exit, error]: Parameters<ChannelHandler["closed"]>): void {
    this.#end = { exit, error };
  }

  tellTo(handler: ChannelHandler): void {
    for (const stream of ["stdout", "stderr"] as const) {
      const chunks = this.#data[stream];
      for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) handler.data(stream, chunk.bytes);
    }
    if (this.#eof) handler.eof();
    if (this.#end !== undefined) handler.closed(this.#end.exit, this.#end.error);
  }
}
