export { SftpClient, type SftpClientOptions, type SftpClientRequest } from "./client.ts";
export type { Answered, SftpClientEvent, SftpLimits, SftpReplyEvent } from "./client-events.ts";
export { SFTP_VERSION, SSH_FX, SSH_FXE_STATVFS, SSH_FXF } from "./constants.ts";
export { type CalendarTime, listingTime } from "./listing-time.ts";
export type { Attributes, ExtendedAttribute, Owner, Times } from "./messages/attributes.ts";
export {
  type CopyDataRequest,
  type ExpandPathRequest,
  type ExtendedRequest,
  type FstatvfsRequest,
  type FsyncRequest,
  type HardlinkRequest,
  type HomeDirectoryRequest,
  type LimitsRequest,
  type LsetstatRequest,
  type PosixRenameRequest,
  SFTP_EXTENSIONS,
  type SftpExtension,
  type SftpExtensionName,
  type StatedLimits,
  type StatVfs,
  type StatvfsRequest,
  type UsersGroups,
  type UsersGroupsByIdRequest,
} from "./messages/extensions.ts";
export type { ExtensionPair, Handshake } from "./messages/handshake.ts";
export {
  SFTP_CLIENT_LIMITS,
  SFTP_SERVER_LIMITS,
  type SftpClientLimits,
  type SftpServerLimits,
} from "./messages/limits.ts";
export type {
  AttributesReply,
  DataReply,
  ExtendedReply,
  HandleReply,
  LimitsReply,
  NameEntry,
  NamesReply,
  StatusReply,
  StatvfsReply,
  UsersGroupsReply,
} from "./messages/replies.ts";
export type {
  CloseRequest,
  FsetstatRequest,
  FstatRequest,
  MkdirRequest,
  OpendirRequest,
  OpenRequest,
  ReaddirRequest,
  ReadlinkRequest,
  ReadRequest,
  RealpathRequest,
  RemoveRequest,
  RenameRequest,
  SetstatRequest,
  StatRequest,
  SymlinkRequest,
  WriteRequest,
} from "./messages/requests.ts";
export { modeText } from "./mode-text.ts";
export { decodePath, encodePath } from "./paths.ts";
export { SftpServer } from "./server.ts";
export type { SftpServerEvent, SftpServerRequest } from "./server-events.ts";
export type { SftpServerOptions } from "./server-options.ts";
export { type FailedCall, SftpError } from "./status-error.ts";
export { type SymlinkOrder, symlinkOrderOf } from "./symlink-order.ts";
export {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  extensionFor,
  type RequestType,
  type SftpReply,
  type SftpRequest,
  SSH_FXP,
} from "./table.ts";
