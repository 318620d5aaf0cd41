import { statfsSync } from "node:fs";
import { SSH_FXE_STATVFS, type StatVfs } from "@nacre/files/server";
import type { NativePath } from "./native-path.ts";
import type { DiskFileSystemOptions } from "./options.ts";

/** Longest name in bytes on the usual file systems; statfs(2) of Node does not return it. */
const LONGEST_NAME = 255n;

/** Returns facts about the file system that a path is in. */
export function statVfsAt(path: NativePath, { readOnly = false }: DiskFileSystemOptions): StatVfs {
  const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(path, { bigint: true });
  return {
    bsize,
    frsize: bsize,
    blocks,
    bfree,
    bavail,
    files,
    ffree,
    favail: ffree,
    fsid: 0n,
    flag: readOnly ? SSH_FXE_STATVFS.ST_RDONLY : 0n,
    namemax: LONGEST_NAME,
  };
}
