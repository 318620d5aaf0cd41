export {
  type Attributes,
  decodePath,
  encodePath,
  type Owner,
  SSH_FX,
  SSH_FXE_STATVFS,
  type StatVfs,
  type Times,
  type UsersGroups,
} from "@nacre/sftp";
export { type FileErrorCode, FileSystemError } from "./sftp-server/file-error.ts";
export type {
  DirectoryEntry,
  FileSystem,
  OpenMode,
  ServedDirectory,
  ServedFile,
  ServedHandle,
} from "./sftp-server/file-system.ts";
export {
  type MemoryFileSystem,
  type MemoryFileSystemOptions,
  memoryFileSystem,
} from "./sftp-server/memory-file-system.ts";
export {
  SFTP_REQUEST_TYPES,
  type SftpRequestEvent,
  type SftpRequestType,
  type SftpServerLogEvent,
  type SftpServerSettings,
} from "./sftp-server/options.ts";
export { sftpServer } from "./sftp-server/sftp-server.ts";
export type { SftpChannel, SftpPeer } from "./sftp-server/sftp-session.ts";
