import { type Bytes, Reader, SshError, Writer } from "@nacre/wire";
import * as extension from "./messages/extensions.ts";
import { SFTP_EXTENSIONS } from "./messages/extensions.ts";
import type { Codec } from "./messages/fields.ts";
import * as reply from "./messages/replies.ts";
import * as request from "./messages/requests.ts";

/** Types of packets: the first byte of each (draft-ietf-secsh-filexfer-02 §3). */
export const SSH_FXP = {
  INIT: 1,
  VERSION: 2,
  OPEN: 3,
  CLOSE: 4,
  READ: 5,
  WRITE: 6,
  LSTAT: 7,
  FSTAT: 8,
  SETSTAT: 9,
  FSETSTAT: 10,
  OPENDIR: 11,
  READDIR: 12,
  REMOVE: 13,
  MKDIR: 14,
  RMDIR: 15,
  REALPATH: 16,
  STAT: 17,
  RENAME: 18,
  READLINK: 19,
  SYMLINK: 20,
  STATUS: 101,
  HANDLE: 102,
  DATA: 103,
  NAME: 104,
  ATTRS: 105,
  EXTENDED: 200,
  EXTENDED_REPLY: 201,
} as const;

/** Any request. `Handle` is the type of its handles: bytes on the wire, the application's own value in a server's events. */
export type SftpRequest<Handle = Uint8Array> =
  | request.OpenRequest
  | request.CloseRequest<Handle>
  | request.ReadRequest<Handle>
  | request.WriteRequest<Handle>
  | request.StatRequest
  | request.FstatRequest<Handle>
  | request.SetstatRequest
  | request.FsetstatRequest<Handle>
  | request.OpendirRequest
  | request.ReaddirRequest<Handle>
  | request.RemoveRequest
  | request.MkdirRequest
  | request.RealpathRequest
  | request.RenameRequest
  | request.ReadlinkRequest
  | request.SymlinkRequest
  | extension.PosixRenameRequest
  | extension.StatvfsRequest
  | extension.FstatvfsRequest<Handle>
  | extension.HardlinkRequest
  | extension.FsyncRequest<Handle>
  | extension.LsetstatRequest
  | extension.LimitsRequest
  | extension.ExpandPathRequest
  | extension.CopyDataRequest<Handle>
  | extension.HomeDirectoryRequest
  | extension.UsersGroupsByIdRequest
  | extension.ExtendedRequest;

/** Any reply. */
export type SftpReply =
  | reply.StatusReply
  | reply.HandleReply
  | reply.DataReply
  | reply.NamesReply
  | reply.AttributesReply
  | reply.StatvfsReply
  | reply.LimitsReply
  | reply.UsersGroupsReply
  | reply.ExtendedReply;

/** Type of a request. */
export type RequestType = SftpRequest["type"];

/** Reply to a request that succeeds. "name" is a "names" reply with exactly one name. A request that fails always gets a status. */
export type SuccessReply = Exclude<SftpReply["type"], "status"> | "name" | "status";

/** Row of the table of requests. */
export interface RequestRow {
  /** Packet type of the request. */
  readonly number: number;
  /** Codec of the fields after the request id, or after the extension's name. */
  readonly codec: Codec<SftpRequest>;
  /** Extension of a request in SSH_FXP_EXTENDED that needs one. */
  readonly extension?: extension.SftpExtension;
  /** Reply to a request that succeeds. */
  readonly reply: SuccessReply;
}

function row<T extends SftpRequest>(number: number, codec: Codec<T>, reply: SuccessReply): RequestRow {
  return { number, codec: codec as Codec<unknown> as Codec<SftpRequest>, reply };
}

function extended<T extends SftpRequest>(
  needs: extension.SftpExtension,
  codec: Codec<T>,
  reply: SuccessReply,
): RequestRow {
  return { ...row(SSH_FXP.EXTENDED, codec, reply), extension: needs };
}

/** The table of requests: packet type, codec and reply of each. Both machines take these facts from here only. */
export const REQUESTS: Readonly<Record<RequestType, RequestRow>> = {
  open: row(SSH_FXP.OPEN, request.open, "handle"),
  close: row(SSH_FXP.CLOSE, request.close, "status"),
  read: row(SSH_FXP.READ, request.read, "data"),
  write: row(SSH_FXP.WRITE, request.write, "status"),
  lstat: row(SSH_FXP.LSTAT, request.lstat, "attributes"),
  fstat: row(SSH_FXP.FSTAT, request.fstat, "attributes"),
  setstat: row(SSH_FXP.SETSTAT, request.setstat, "status"),
  fsetstat: row(SSH_FXP.FSETSTAT, request.fsetstat, "status"),
  opendir: row(SSH_FXP.OPENDIR, request.opendir, "handle"),
  readdir: row(SSH_FXP.READDIR, request.readdir, "names"),
  remove: row(SSH_FXP.REMOVE, request.remove, "status"),
  mkdir: row(SSH_FXP.MKDIR, request.mkdir, "status"),
  rmdir: row(SSH_FXP.RMDIR, request.rmdir, "status"),
  realpath: row(SSH_FXP.REALPATH, request.realpath, "name"),
  stat: row(SSH_FXP.STAT, request.stat, "attributes"),
  rename: row(SSH_FXP.RENAME, request.rename, "status"),
  readlink: row(SSH_FXP.READLINK, request.readlink, "name"),
  symlink: row(SSH_FXP.SYMLINK, request.symlink, "status"),
  "posix-rename": extended(SFTP_EXTENSIONS.posixRename, extension.posixRename, "status"),
  statvfs: extended(SFTP_EXTENSIONS.statvfs, extension.statvfs, "statvfs"),
  fstatvfs: extended(SFTP_EXTENSIONS.fstatvfs, extension.fstatvfs, "statvfs"),
  hardlink: extended(SFTP_EXTENSIONS.hardlink, extension.hardlink, "status"),
  fsync: extended(SFTP_EXTENSIONS.fsync, extension.fsync, "status"),
  lsetstat: extended(SFTP_EXTENSIONS.lsetstat, extension.lsetstat, "status"),
  limits: extended(SFTP_EXTENSIONS.limits, extension.limits, "limits"),
  "expand-path": extended(SFTP_EXTENSIONS.expandPath, extension.expandPath, "name"),
  "copy-data": extended(SFTP_EXTENSIONS.copyData, extension.copyData, "status"),
  "home-directory": extended(SFTP_EXTENSIONS.homeDirectory, extension.homeDirectory, "name"),
  "users-groups-by-id": extended(SFTP_EXTENSIONS.usersGroupsById, extension.usersGroupsById, "users-groups"),
  extended: row(SSH_FXP.EXTENDED, extension.extended, "extended"),
};

const ROWS = Object.values(REQUESTS);
const BY_NUMBER = new Map(ROWS.filter(({ number }) => number !== SSH_FXP.EXTENDED).map((row) => [row.number, row]));
const BY_EXTENSION = new Map(ROWS.map((row) => [row.extension?.name, row]));

/** Bytes of type and request id before the fields of each request and reply. */
const HEADER_LENGTH = 5;

/** Returns the extension that a server announces for a type of request; `undefined` for one of the draft. */
export function extensionFor(type: RequestType): extension.SftpExtension | undefined {
  return REQUESTS[type].extension;
}

/** Encodes a request as a packet without its length field. Throws `usage` if a value does not fit its field. */
export function encodeRequest(id: number, request: SftpRequest): Bytes {
  const { number, extension, codec } = REQUESTS[request.type];
  const writer = new Writer().byte(number).uint32(id);
  if (extension !== undefined) writer.string(extension.name);
  return writer.raw(codec.encode(request)).finish();
}

/** Name of the extension of an SSH_FXP_EXTENDED packet. Throws `malformed-message`. */
export function extensionOf(packet: Uint8Array): string {
  return new Reader(packet, "SSH_FXP_EXTENDED", { offset: HEADER_LENGTH }).name("name");
}

/**
 * Decodes a request from a packet without its length field. Byte strings in the result are views of `packet`. Returns `undefined` if the
 * type is not that of a request. Throws `malformed-message`.
 */
export function decodeRequest(packet: Uint8Array): SftpRequest | undefined {
  if (packet[0] !== SSH_FXP.EXTENDED) return BY_NUMBER.get(packet[0]!)?.codec.decode(packet.subarray(HEADER_LENGTH));
  const name = extensionOf(packet);
  const row = BY_EXTENSION.get(name);
  if (row === undefined) return REQUESTS.extended.codec.decode(packet.subarray(HEADER_LENGTH));
  return row.codec.decode(packet.subarray(HEADER_LENGTH + 4 + name.length));
}

/** Decodes any SSH_FXP_EXTENDED as "extended", also one of a known extension. Throws `malformed-message`. */
export function decodeExtended(packet: Uint8Array): SftpRequest {
  return REQUESTS.extended.codec.decode(packet.subarray(HEADER_LENGTH));
}

/** Encodes a reply as a packet without its length field. Throws `usage` if a value does not fit its field. */
export function encodeReply(id: number, value: SftpReply): Bytes {
  return writeReply(new Writer(), id, value).finish();
}

/** Writes a reply as a packet without its length field. Returns the writer. Throws `usage` if a value does not fit its field. */
export function writeReply(writer: Writer, id: number, value: SftpReply): Writer {
  const fields = writer.byte(numberOf(value)).uint32(id);
  switch (value.type) {
    case "status":
      reply.status.write(fields, value);
      break;
    case "handle":
      reply.handleReply.write(fields, value);
      break;
    case "data":
      reply.data.write(fields, value);
      break;
    case "names":
      reply.names.write(fields, value);
      break;
    case "attributes":
      reply.attrs.write(fields, value);
      break;
    case "statvfs":
      extension.statVfs.write(fields, value.statvfs);
      break;
    case "limits":
      extension.statedLimits.write(fields, value.limits);
      break;
    case "users-groups":
      extension.usersGroups.write(fields, value);
      break;
    case "extended":
      fields.raw(value.data);
  }
  return writer;
}

function numberOf({ type }: SftpReply): number {
  return type === "status" ? SSH_FXP.STATUS : REPLY_NUMBERS[type];
}

/**
 * Decodes the reply to a request of this type from a packet without its length field. Byte strings in the result are views of `packet`.
 * Throws `malformed-message`, or `unexpected-message` if the request has no reply of this type.
 */
export function decodeReply(packet: Uint8Array, type: RequestType): SftpReply {
  const number = packet[0];
  const expected = REQUESTS[type].reply;
  const fields = packet.subarray(HEADER_LENGTH);
  if (number === SSH_FXP.STATUS) return reply.status.decode(fields);
  switch (/* rule: sftp-reply-type */ number === REPLY_NUMBERS[expected] && expected) {
    case "handle":
      return reply.handleReply.decode(fields);
    case "data":
      return reply.data.decode(fields);
    case "names":
    case "name":
      return reply.names.decode(fields);
    case "attributes":
      return reply.attrs.decode(fields);
    case "statvfs":
      return { type: "statvfs", statvfs: extension.statVfs.decode(fields) };
    case "limits":
      return { type: "limits", limits: extension.statedLimits.decode(fields) };
    case "users-groups":
      return { type: "users-groups", ...extension.usersGroups.decode(fields) };
    case "extended":
      return { type: "extended", data: fields };
    default:
      throw new SshError("unexpected-message", `the SFTP server answered "${type}" with a packet of type ${number}`);
  }
}

const REPLY_NUMBERS: Readonly<Record<SuccessReply, number>> = {
  status: SSH_FXP.STATUS,
  handle: SSH_FXP.HANDLE,
  data: SSH_FXP.DATA,
  names: SSH_FXP.NAME,
  name: SSH_FXP.NAME,
  attributes: SSH_FXP.ATTRS,
  statvfs: SSH_FXP.EXTENDED_REPLY,
  limits: SSH_FXP.EXTENDED_REPLY,
  "users-groups": SSH_FXP.EXTENDED_REPLY,
  extended: SSH_FXP.EXTENDED_REPLY,
};
