import { SshError } from "@nacre/wire";
import type { ChannelHandler, Exit } from "nacre";

export const EXITED: Exit = { status: 0, signal: undefined, coreDumped: false };
/** Of a command whose end nobody told. */
export const UNTOLD: Exit = { status: undefined, signal: undefined, coreDumped: false };

export const LOST: SshError = new SshError("connection-lost", "the connection broke");

/** Stands in for a channel of a connection: takes as many bytes as it has room for, and says what was asked of it. */
export class FakeChannel {
  handler!: ChannelHandler;
  room = Number.POSITIVE_INFINITY;
  written: Buffer = Buffer.alloc(0);
  consumedBytes = 0;
  readonly calls: string[] = [];
  closed = false;
  readonly exit: Promise<Exit>;
  #settle!: { resolve: (exit: Exit) => void; reject: (error: SshError) => void };

  constructor() {
    this.exit = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.exit.catch(() => {});
  }

  write(bytes: Uint8Array): number {
    if (this.closed) throw new SshError("channel-closed", "the channel is closed");
    const taken = bytes.subarray(0, this.room);
    this.room -= taken.length;
    this.written = Buffer.concat([this.written, taken]);
    return taken.length;
  }

  end(): void {
    this.calls.push("end");
  }

  close(reason?: SshError): void {
    if (this.closed) return;
    this.calls.push("close");
    this.#close(UNTOLD, undefined, reason);
  }

  consumed(bytes: number): void {
    this.consumedBytes += bytes;
  }

  notify(type: string): void {
    this.calls.push(type);
  }

  async request(type: string): Promise<void> {
    this.calls.push(type);
  }

  /** The other side closes the channel, or the connection breaks. */
  finish(error?: SshError, exit: Exit = EXITED): void {
    this.#close(exit, error, error);
  }

  #close(exit: Exit, broken: SshError | undefined, error: SshError | undefined): void {
    this.closed = true;
    if (broken === undefined) this.#settle.resolve(exit);
    else this.#settle.reject(broken);
    this.handler.closed(exit, error);
  }
}
