import { SFTP_EXTENSIONS, type SftpExtension } from "@nacre/sftp";
import type { FileSystem } from "./file-system.ts";
import type { SftpRequestType } from "./options.ts";

/** Types of requests that change something. "open" does so depending on its flags. */
const CHANGES: ReadonlySet<SftpRequestType> = new Set([
  "write",
  "setstat",
  "fsetstat",
  "lsetstat",
  "remove",
  "rmdir",
  "mkdir",
  "rename",
  "posix-rename",
  "symlink",
  "hardlink",
  "fsync",
  "copy-data",
]);

/** Returns whether requests of this type change something. */
export function isChange(type: SftpRequestType): boolean {
  return CHANGES.has(type);
}

/** Returns the extensions to announce: those that are permitted, and that the file system has the methods for. */
export function extensionsOf(
  fileSystem: FileSystem,
  readOnly: boolean,
  isPermitted: (type: SftpRequestType) => boolean,
): SftpExtension[] {
  const has = (method: keyof FileSystem): boolean => fileSystem[method] !== undefined;
  const offered: readonly (readonly [extension: SftpExtension, type: SftpRequestType, isPossible: boolean])[] = [
    [SFTP_EXTENSIONS.posixRename, "posix-rename", has("posixRename")],
    [SFTP_EXTENSIONS.statvfs, "statvfs", has("statfs")],
    [SFTP_EXTENSIONS.fstatvfs, "fstatvfs", has("fstatfs")],
    [SFTP_EXTENSIONS.hardlink, "hardlink", has("link")],
    [SFTP_EXTENSIONS.fsync, "fsync", has("fsync")],
    [SFTP_EXTENSIONS.lsetstat, "lsetstat", has("lsetstat")],
    [SFTP_EXTENSIONS.copyData, "copy-data", true],
    [SFTP_EXTENSIONS.expandPath, "expand-path", has("homeDirectory")],
    [SFTP_EXTENSIONS.homeDirectory, "home-directory", has("homeDirectory")],
    [SFTP_EXTENSIONS.usersGroupsById, "users-groups-by-id", has("usersGroups")],
  ];
  return offered.flatMap(([extension, type, isPossible]) =>
    isPossible && isPermitted(type) && !(readOnly && isChange(type)) ? [extension] : [],
  );
}
