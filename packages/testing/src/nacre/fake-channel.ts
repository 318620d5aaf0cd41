import { exitStatus, SshError } from "@nacre/wire";
import type { ChannelHandler, Exit } from "nacre";
import { latin1 } from "../bytes.ts";

export const EXITED: Exit = { status: 0, signal: undefined, coreDumped: false };
/** Exit of a command whose status the server did not send. */
export const UNTOLD: Exit = { status: undefined, signal: undefined, coreDumped: false };

export const LOST: SshError = new SshError("connection-lost", "the connection broke");

/** Fake channel. Accepts as many bytes as it has room for, and records calls. */
export class FakeChannel {
  handler!: ChannelHandler;
  room = Number.POSITIVE_INFINITY;
  /** All written bytes, as latin1. */
  written = "";
  consumedBytes = 0;
  readonly calls: string[] = [];
  /** Reason passed to `close`. */
  reason: SshError | undefined;
  closed = false;
  peerVersion: string | undefined = "SSH-2.0-OpenSSH_10.0";

  write(bytes: Uint8Array): number {
    if (this.closed) throw new SshError("channel-closed", "the channel is closed");
    const taken = bytes.subarray(0, this.room);
    this.room -= taken.length;
    this.written += latin1(taken);
    return taken.length;
  }

  end(): void {
    this.calls.push("end");
  }

  close(reason?: SshError): void {
    if (this.closed) return;
    this.calls.push("close");
    this.reason = reason;
    this.#close(reason, false);
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

  start(type: string): Promise<void> {
    return this.request(type);
  }

  reply(): void {}

  /** Simulates the peer: sends the exit status and closes the channel. With `error`, the connection breaks instead. */
  finish(error?: SshError, { status }: Exit = EXITED): void {
    if (status !== undefined) {
      const data = exitStatus.encode({ exitStatus: status });
      this.handler.request({ type: "channel-request", channel: 0, requestType: "exit-status", data });
    }
    this.#close(error, error !== undefined);
  }

  #close(error: SshError | undefined, broken: boolean): void {
    this.closed = true;
    this.handler.closed({ error, broken });
  }
}
