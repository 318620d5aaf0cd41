export {
  type Attributes,
  type DirectoryEntry,
  decodePath,
  encodePath,
  type FileErrorCode,
  type FileSystem,
  FileSystemError,
  type MemoryFileSystem,
  type MemoryFileSystemOptions,
  memoryFileSystem,
  type OpenMode,
  type Owner,
  type ServedDirectory,
  type ServedFile,
  type ServedHandle,
  type SftpServerLogEvent,
  type SftpServerSettings,
  type StatVfs,
  type Times,
  type UsersGroups,
} from "nacre/sftp-server";
export { type DiskFileSystem, diskFileSystem } from "./sftp-server/disk-file-system.ts";
export { type SftpServerOptions, sftpServer } from "./sftp-server/handler.ts";
export type { DiskFileSystemOptions } from "./sftp-server/options.ts";
