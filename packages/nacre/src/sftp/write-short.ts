import {
  type Attributes,
  SFTP_EXTENSIONS,
  type SftpClientRequest,
  SftpError,
  type SftpReplyEvent,
  SSH_FX,
} from "@nacre/sftp";
import type { Bytes } from "@nacre/wire";
import type { CallContext } from "./call.ts";
import { encodeFlags } from "./open-flags.ts";
import { toBytes } from "./remote-path.ts";
import type { SftpChannel, Waiter } from "./sftp-channel.ts";
import { type Settle, ShortCall } from "./short-call.ts";

/** A short file to write. */
export interface ShortFile {
  /** Path under which it is written first. Nothing may have it. */
  readonly temporary: string;
  /** Path to rename it to. */
  readonly path: string;
  /** Contents, at most as long as the server allows for one write. Left alone until the call has ended. */
  readonly data: Uint8Array;
  /** Attributes of the new file. */
  readonly created: Attributes;
  /** Attributes to set when the contents are written. */
  readonly final: Attributes | undefined;
}

/**
 * Writes a short file under a temporary name, and renames it if the server can replace a file in one step. Takes three round trips: the close
 * follows the only write without waiting, and the rename follows when both have succeeded. Resolves with whether the file is renamed.
 * Rejects with `aborted`, the server's error, or the one that ended SFTP; the temporary file may then remain.
 */
export function writeShort(channel: SftpChannel, file: ShortFile, context: CallContext): Promise<boolean> {
  return new Promise((resolve, reject) => {
    new ShortWrite(channel, file, context, { resolve, reject }).room();
  });
}

const CREATE_NEW = encodeFlags("wx");

class ShortWrite extends ShortCall<boolean> {
  readonly #file: ShortFile;
  readonly #temporary: Bytes;
  /** Number of requests without an answer, after the file is open. */
  #unanswered = 0;
  #isRenaming = false;

  constructor(channel: SftpChannel, file: ShortFile, context: CallContext, settle: Settle<boolean>) {
    const temporary = toBytes(file.temporary);
    super(channel, { type: "open", path: temporary, flags: CREATE_NEW, attributes: file.created }, context, settle);
    this.#file = file;
    this.#temporary = temporary;
  }

  protected override send(handle: Bytes | undefined): void {
    const { path, data, final } = this.#file;
    if (handle === undefined) {
      this.#request({ type: "posix-rename", oldPath: this.#temporary, newPath: toBytes(path) });
      return;
    }
    // Servers carry out the requests for one file in order.
    if (data.length > 0) this.#request({ type: "write", handle, offset: 0, data });
    if (final !== undefined) this.#request({ type: "fsetstat", handle, attributes: final });
    this.#request({ type: "close", handle });
    this.handleIsClosed();
  }

  protected override next(answer: SftpReplyEvent<Waiter>): void {
    this.#unanswered--;
    if (answer.type === "status" && answer.status !== SSH_FX.OK) {
      this.fail(new SftpError(answer.status, answer.message, this.context));
    } else if (this.#unanswered === 0) {
      // Only now is the file whole.
      if (this.#isRenaming || !this.channel.machine.supports(SFTP_EXTENSIONS.posixRename)) {
        this.succeed(this.#isRenaming);
        return;
      }
      this.#isRenaming = true;
      this.room();
    }
  }

  #request(request: SftpClientRequest): void {
    this.channel.request(request, this);
    this.#unanswered++;
  }
}
