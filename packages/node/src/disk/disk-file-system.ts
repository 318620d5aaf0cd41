import type { FileSystem } from "@nacre/files/server";
import { SshError } from "@nacre/wire";
import { thisSystem } from "../windows/system.ts";
import { hasDescriptors, openDescriptorRoot } from "./descriptor-directory.ts";
import type { OpenRoot } from "./directory.ts";
import { DiskFiles } from "./disk-files.ts";
import { checkDiskOptions, type DiskFileSystemOptions } from "./options.ts";
import { openPathRoot } from "./path-directory.ts";

/** Files of a disk. It has every method of `FileSystem`; that for names of users and groups only if the root is "/". */
export type DiskFileSystem = Required<Omit<FileSystem, "usersGroups">> & Pick<FileSystem, "usersGroups">;

/**
 * Serves the files below a directory of this system's disk. They are accessed with the rights of the account that runs the process.
 * Symbolic links are resolved inside the root, as after chroot(2): an absolute one starts at the root, and ".." never leaves it. The text
 * of a link is stored and shown as it is.
 *
 * On Linux, every directory of a path is opened by the descriptor of the one above, without following links, and files by the descriptor
 * of their directory. So swapping directories and links meanwhile leads no request out of the root. On other systems, each directory
 * is checked before it is used, and a program that swaps it in between can do so; do not serve directories there that others can write.
 *
 * Only regular files are opened, none of procfs. Small calls run synchronously, for at most some milliseconds in a turn of the event
 * loop, in which logins are served one after another; while the disk is slow, contents go through the thread pool. It also frees the blocks
 * of files longer than 64 KiB, for two logins at once, which may take seconds; elsewhere than on Linux, the event loop frees those that the
 * account may not read. A file that long is stored by fdatasync(2) before it replaces another one, so the account must be able to read or
 * write it. Several servers may serve the same files. Nothing needs to be closed: descriptors of directories are released after a second
 * without requests.
 *
 * Throws `usage` for an invalid option, on Windows, and on Linux without `/proc`.
 */
export function diskFileSystem(options: DiskFileSystemOptions): DiskFileSystem {
  checkDiskOptions(options);
  return new DiskFiles(options, chooseOpenRoot());
}

/**
 * Returns the same files for SFTP sessions alone, which do not use the data of a write again. So the files free it
 * (`HandleContext.freesBuffers`); an application or a `FileSystem` around them could not expect that.
 */
export function diskOfSessions(options: DiskFileSystemOptions): DiskFileSystem {
  checkDiskOptions(options);
  return new DiskFiles(options, chooseOpenRoot(), true);
}

function chooseOpenRoot(): OpenRoot {
  if (thisSystem.platform !== "linux") return openPathRoot;
  if (!hasDescriptors()) throw new SshError("usage", "`diskFileSystem` needs /proc on Linux; mount it");
  return openDescriptorRoot;
}
