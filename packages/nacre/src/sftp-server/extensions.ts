import { SFTP_EXTENSIONS, type SftpExtension, type SftpServerRequest } from "@nacre/sftp";
import type { FileSystem } from "./file-system.ts";

/** Types of requests that change something. "open" does so depending on its flags. */
const CHANGES: ReadonlySet<SftpServerRequest<unknown>["type"]> = new Set([
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
export function isChange(type: SftpServerRequest<unknown>["type"]): boolean {
  return CHANGES.has(type);
}

/** Returns the extensions to announce: those that the file system has the methods for. */
export function extensionsOf(fileSystem: FileSystem, readOnly: boolean): SftpExtension[] {
  const has = (method: keyof FileSystem): boolean => fileSystem[method] !== undefined;
  const changes = !readOnly;
  const offered: readonly (readonly [extension: SftpExtension, isOffered: boolean])[] = [
    [SFTP_EXTENSIONS.posixRename, changes && has("posixRename")],
    [SFTP_EXTENSIONS.statvfs, has("statfs")],
    [SFTP_EXTENSIONS.fstatvfs, has("fstatfs")],
    [SFTP_EXTENSIONS.hardlink, changes && has("link")],
    [SFTP_EXTENSIONS.fsync, changes && has("fsync")],
    [SFTP_EXTENSIONS.lsetstat, changes && has("lsetstat")],
    [SFTP_EXTENSIONS.copyData, changes],
    [SFTP_EXTENSIONS.expandPath, has("homeDirectory")],
    [SFTP_EXTENSIONS.homeDirectory, has("homeDirectory")],
    [SFTP_EXTENSIONS.usersGroupsById, has("usersGroups")],
  ];
  return offered.flatMap(([extension, isOffered]) => (isOffered ? [extension] : []));
}
