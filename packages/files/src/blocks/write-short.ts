import {
  type Attributes,
  SFTP_EXTENSIONS,
  type SftpClientRequest,
  SftpError,
  type SftpReplyEvent,
  SSH_FX,
} from "@nacre/sftp";
import type { Bytes } from "@nacre/wire";
import type { CallContext } from "../remote/call.ts";
import { encodeFlags } from "../remote/open-flags.ts";
import { toBytes } from "../remote/remote-path.ts";
import type { SftpChannel, Waiter } from "../remote/sftp-channel.ts";
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
  /** Called if the server supports no way to set them; see `setAttributes`. */
  readonly onUnsupported?: ((error: SftpError) => void) | undefined;
}

/**
 * Writes a short file under a temporary name, and renames it if the server can replace a file in one step. Takes three round trips where the
 * server is known to keep the order of requests: the close follows the only write without waiting, and the rename follows when both have
 * succeeded. Elsewhere each request waits for the answer to the one before. Resolves with whether the file is renamed.
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
  /** Requests to send; `undefined` until the file is open. */
  #next: SftpClientRequest[] | undefined;
  /** Number of requests without an answer, after the file is open. */
  #unanswered = 0;
  /** Request that sets attributes, and its id. */
  #setting: { readonly id: number; readonly type: SftpClientRequest["type"] } | undefined;
  #isRenaming = false;

  constructor(channel: SftpChannel, file: ShortFile, context: CallContext, settle: Settle<boolean>) {
    const temporary = toBytes(file.temporary);
    super(channel, { type: "open", path: temporary, flags: CREATE_NEW, attributes: file.created }, context, settle);
    this.#file = file;
    this.#temporary = temporary;
  }

  protected override send(handle: Bytes | undefined): void {
    const { channel } = this;
    this.#next ??= this.#contents(handle!);
    const count = channel.machine.isKnownToKeepOrder ? this.#next.length : 1;
    for (const request of this.#next.splice(0, count)) {
      const id = channel.request(request, this);
      this.#unanswered++;
      if (request.type === "fsetstat" || request.type === "setstat") this.#setting = { id, type: request.type };
      if (request.type === "close") this.handleIsClosed();
    }
  }

  #contents(handle: Bytes): SftpClientRequest[] {
    const { data, final } = this.#file;
    const requests: SftpClientRequest[] = [];
    if (data.length > 0) requests.push({ type: "write", handle, offset: 0, data });
    if (final !== undefined) requests.push({ type: "fsetstat", handle, attributes: final });
    requests.push({ type: "close", handle });
    return requests;
  }

  protected override next(answer: SftpReplyEvent<Waiter>): void {
    const { channel, context } = this;
    const next = this.#next!;
    const { path, final, onUnsupported } = this.#file;
    this.#unanswered--;
    if (answer.type === "status" && answer.status !== SSH_FX.OK) {
      const error = new SftpError(answer.status, answer.message, context);
      const { id, type } = this.#setting ?? {};
      // As `setAttributes` does.
      if (answer.request === id && type === "setstat" && onUnsupported !== undefined) onUnsupported(error);
      else if (answer.request === id && type === "fsetstat" && answer.status === SSH_FX.OP_UNSUPPORTED)
        next.push({ type: "setstat", path: this.#temporary, attributes: final! });
      else return this.fail(error);
    }
    if (this.#unanswered > 0) return;
    if (next.length === 0) {
      // Only now is the file whole.
      if (this.#isRenaming || !channel.machine.supports(SFTP_EXTENSIONS.posixRename))
        return this.succeed(this.#isRenaming);
      this.#isRenaming = true;
      next.push({ type: "posix-rename", oldPath: this.#temporary, newPath: toBytes(path) });
    }
    this.room();
  }
}
