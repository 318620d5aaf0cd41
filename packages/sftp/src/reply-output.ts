import { type Bytes, SshError, utf8Encode, Writer } from "@nacre/wire";
import { SFTP_VERSION, SSH_FX } from "./constants.ts";
import { attributesLength } from "./messages/attributes.ts";
import type { SftpExtension } from "./messages/extensions.ts";
import { version } from "./messages/handshake.ts";
import { PACKET_OVERHEAD } from "./messages/limits.ts";
import type { NameEntry } from "./messages/replies.ts";
import { OutputBuffer } from "./output-buffer.ts";
import { type SftpReply, SSH_FXP, writeReply } from "./table.ts";

/** Bytes of SSH_FXP_DATA before the data: type, request id, length. */
const DATA_HEADER = 9;

/** Bytes of SSH_FXP_NAME before the names: type, request id, count. */
const NAMES_HEADER = 9;

/** Maximum length of SSH_FXP_NAME in bytes, without its length field. OpenSSH's client takes no longer packet. */
const MAX_NAMES_LENGTH = 256 * 1024;

/** A writer is used again after a reply of at most this many bytes. */
const KEPT_SIZE = 1024;

/** Packets of a server that wait to be sent. */
export class ReplyOutput {
  readonly #output = new OutputBuffer();
  /** The reply that is being written: a new array for each would cost more than its fields. */
  #writer = new Writer();

  /** Number of unsent bytes. */
  get length(): number {
    return this.#output.length;
  }

  /** A view of the unsent bytes, valid until the next call of a method. */
  get unsent(): Bytes {
    return this.#output.unsent;
  }

  /** Drops the first `length` unsent bytes. Throws `usage` if there are fewer. */
  sent(length: number): void {
    this.#output.sent(length);
  }

  /** Drops all bytes. */
  clear(): void {
    this.#output.clear();
  }

  /** Adds SSH_FXP_VERSION, which answers SSH_FXP_INIT. */
  version(announced: readonly SftpExtension[]): void {
    const extensions = announced.map(({ name, data }) => ({ name, data: utf8Encode(data) }));
    const fields = version.encode({ version: SFTP_VERSION, extensions });
    this.#output
      .begin(1 + fields.length)
      .byte(SSH_FXP.VERSION)
      .raw(fields);
  }

  /** Adds a reply to the request with this id. */
  reply(id: number, reply: SftpReply): void {
    const { written } = writeReply(this.#writer.clear(), id, reply);
    this.#output.packet(written);
    if (written.length > KEPT_SIZE) this.#writer = new Writer();
  }

  /** Adds SSH_FXP_STATUS, with OpenSSH's text for the status by default. */
  status(id: number, status: number, message: string = statusMessage(status)): void {
    this.reply(id, statusReply(status, message));
  }

  /** Adds SSH_FXP_DATA. Copies the bytes. */
  data(id: number, bytes: Uint8Array): void {
    // Written by hand to avoid a second copy of the data.
    this.#output
      .begin(DATA_HEADER + bytes.length)
      .byte(SSH_FXP.DATA)
      .uint32(id)
      .string(bytes);
  }

  /** Adds the reply to limits@openssh.com. */
  limits(id: number, maxPacketLength: number, maxHandles: number): void {
    const maxLength = BigInt(maxPacketLength - PACKET_OVERHEAD);
    const limits = {
      maxPacketLength: BigInt(maxPacketLength),
      maxReadLength: maxLength,
      maxWriteLength: maxLength,
      maxOpenHandles: BigInt(maxHandles),
    };
    this.reply(id, { type: "limits", limits });
  }
}

/** Returns a status as a reply. */
export function statusReply(status: number, message: string): SftpReply {
  return { type: "status", status, message, languageTag: "" };
}

/** Returns the text of OpenSSH's server for a status. */
export function statusMessage(status: number): string {
  return STATUS_MESSAGES[status] ?? "Failure";
}

/** Returns the first entries that fit into one SSH_FXP_NAME. Throws `usage` if none does. */
export function firstNames(entries: readonly NameEntry[]): readonly NameEntry[] {
  let length = NAMES_HEADER;
  let count = 0;
  for (const entry of entries) {
    length += entryLength(entry);
    if (length > MAX_NAMES_LENGTH) break;
    count++;
  }
  if (count === 0) throw new SshError("usage", `a name longer than a packet of ${MAX_NAMES_LENGTH} bytes`);
  return entries.slice(0, count);
}

/** Returns the length of an entry of SSH_FXP_NAME in bytes. */
function entryLength({ filename, longname, attributes }: NameEntry): number {
  return 8 + filename.length + longname.length + attributesLength(attributes);
}

/** Texts of OpenSSH's server for each status. */
const STATUS_MESSAGES: Readonly<Record<number, string>> = {
  [SSH_FX.OK]: "Success",
  [SSH_FX.EOF]: "End of file",
  [SSH_FX.NO_SUCH_FILE]: "No such file",
  [SSH_FX.PERMISSION_DENIED]: "Permission denied",
  [SSH_FX.FAILURE]: "Failure",
  [SSH_FX.BAD_MESSAGE]: "Bad message",
  [SSH_FX.NO_CONNECTION]: "No connection",
  [SSH_FX.CONNECTION_LOST]: "Connection lost",
  [SSH_FX.OP_UNSUPPORTED]: "Operation unsupported",
};
