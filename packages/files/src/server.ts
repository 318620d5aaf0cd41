export {
  type Attributes,
  decodePath,
  type ExtendedAttribute,
  encodePath,
  type Owner,
  type SftpServerLimits,
  SSH_FX,
  SSH_FXE_STATVFS,
  type StatVfs,
  type Times,
  type UsersGroups,
} from "@nacre/sftp";
export { type FileErrorCode, FileSystemError } from "./serve/file-error.ts";
export type {
  DirectoryEntry,
  FileSystem,
  OpenMode,
  ServedDirectory,
  ServedFile,
  ServedHandle,
} from "./serve/file-system.ts";
export {
  type MemoryFileSystem,
  type MemoryFileSystemOptions,
  memoryFileSystem,
} from "./serve/memory-file-system.ts";
export type { SftpRequestEvent, SftpServerLogEvent, SftpServerSettings } from "./serve/options.ts";
export { SFTP_REQUEST_TYPES, type SftpRequestType } from "./serve/requests.ts";
export { sftpServer } from "./serve/sftp-server.ts";
export type { SftpPeer, SftpPeerChannel } from "./serve/sftp-session.ts";
