import {
  chmodSync,
  chownSync,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  lutimesSync,
  type Stats,
  statfsSync,
  utimesSync,
} from "node:fs";
import { type Attributes, FileSystemError, SSH_FXE_STATVFS, type StatVfs } from "@nacre/files/server";
import type { NativePath } from "./native-path.ts";
import type { DiskFileSystemOptions } from "./options.ts";

/** Largest time of SFTP version 3, in seconds. */
const LAST_SECOND = 2 ** 32 - 1;

/** Returns the attributes of a file for SFTP. */
export function attributesOf({ size, uid, gid, mode, atimeMs, mtimeMs }: Stats): Attributes {
  return {
    size: BigInt(size),
    owner: { uid, gid },
    permissions: mode,
    times: { atime: seconds(atimeMs), mtime: seconds(mtimeMs) },
  };
}

/**
 * Returns the bits that modes may have below a root. A program that a client leaves in a root other than "/" must not run with the rights
 * of the server's account.
 */
export function modeBits(root: string): number {
  return root === "/" ? 0o7777 : /* rule: sftp-disk-setuid */ 0o1777;
}

/** Throws EACCES if mode or owner of the root are to be changed: they decide who else reaches the files below. */
export function assertRootKept({ permissions, owner }: Attributes): void {
  // rule: sftp-disk-root-mode
  if (permissions !== undefined || owner !== undefined) throw new FileSystemError("EACCES");
}

/** Changes attributes of an open file, except its size. */
export function changeOpen(descriptor: number, { permissions, times, owner }: Attributes): void {
  if (permissions !== undefined) fchmodSync(descriptor, permissions);
  if (times !== undefined) futimesSync(descriptor, times.atime, times.mtime);
  if (owner !== undefined) fchownSync(descriptor, owner.uid, owner.gid);
}

/** Changes attributes by path, except the size. The path must lead to a pinned entry other than a symbolic link. */
export function changeAt(path: NativePath, { permissions, times, owner }: Attributes): void {
  if (permissions !== undefined) chmodSync(path, permissions);
  if (times !== undefined) utimesSync(path, times.atime, times.mtime);
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
}

/** Changes attributes of a symbolic link itself. It has no size to set, and Node cannot change its mode. */
export function changeLink(path: NativePath, { size, permissions, times, owner }: Attributes): void {
  if (size !== undefined) throw new FileSystemError("EINVAL");
  if (permissions !== undefined) throw new FileSystemError("ENOTSUP");
  if (times !== undefined) lutimesSync(path, times.atime, times.mtime);
  if (owner !== undefined) lchownSync(path, owner.uid, owner.gid);
}

/** Returns a size as `node:fs` takes it. Throws EFBIG if a number cannot be as large. */
export function exactSize(size: bigint): number {
  if (size > Number.MAX_SAFE_INTEGER) throw new FileSystemError("EFBIG");
  return Number(size);
}

function seconds(milliseconds: number): number {
  return Math.min(Math.max(Math.floor(milliseconds / 1000), 0), LAST_SECOND);
}

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
