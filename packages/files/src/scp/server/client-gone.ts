import type { SshError } from "@nacre/wire";

/** Ends a transfer because the client has gone or violated the protocol. */
export class ClientGone extends Error {
  /** What it did; `undefined` if it ended regularly before everything was sent. */
  readonly reason: SshError | undefined;

  constructor(reason: SshError | undefined) {
    super("the client has ended scp");
    this.reason = reason;
  }
}
