import { type SftpReplyEvent, SSH_FX } from "@nacre/sftp";
import type { Bytes } from "@nacre/wire";
import type { CallContext } from "../remote/call.ts";
import { encodeFlags } from "../remote/open-flags.ts";
import { toBytes } from "../remote/remote-path.ts";
import type { SftpChannel, Waiter } from "../remote/sftp-channel.ts";
import { type Settle, ShortCall } from "./short-call.ts";

/**
 * Reads a file of `size` bytes in two round trips: the close follows the only read without waiting. Resolves with `undefined` if one reply
 * does not have exactly the whole file: its size has changed, or the server sends fewer bytes at once. Rejects with `aborted`, the error of
 * opening the file, or the one that ended SFTP.
 */
export function readShort(
  channel: SftpChannel,
  path: string,
  size: number,
  context: CallContext,
): Promise<Bytes | undefined> {
  return new Promise((resolve, reject) => {
    new ShortRead(channel, path, size, context, { resolve, reject }).room();
  });
}

const READ = encodeFlags("r");

class ShortRead extends ShortCall<Bytes | undefined> {
  readonly #size: number;

  constructor(
    channel: SftpChannel,
    path: string,
    size: number,
    context: CallContext,
    settle: Settle<Bytes | undefined>,
  ) {
    super(channel, { type: "open", path: toBytes(path), flags: READ, attributes: {} }, context, settle);
    this.#size = size;
  }

  protected override send(handle: Bytes): void {
    // One byte more shows whether the file has grown.
    this.channel.request({ type: "read", handle, offset: 0, length: this.#size + 1 }, this);
    this.channel.release(handle);
    this.handleIsClosed();
  }

  protected override next(answer: SftpReplyEvent<Waiter>): void {
    if (answer.type === "data" && answer.data.length === this.#size) this.succeed(answer.data);
    else if (answer.type === "status" && answer.status === SSH_FX.EOF && this.#size === 0)
      this.succeed(new Uint8Array(0));
    else this.succeed(undefined);
  }
}
