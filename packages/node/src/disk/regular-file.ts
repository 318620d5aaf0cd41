import { fstatSync, type Stats, statfsSync } from "node:fs";
import { FileSystemError } from "@nacre/files/server";
import { thisSystem } from "../windows/system.ts";
import { descriptorPath } from "./descriptor-directory.ts";
import type { NativePath } from "./native-path.ts";

/** Type of the file system procfs (statfs(2)). */
const PROC_SUPER_MAGIC = 0x9fa0;

/** Whether a device number is that of a procfs. There is one number for each mounted file system. */
const procDevices = new Map<number, boolean>();

/**
 * Returns the attributes of an open file. Throws unless it is a regular one: reading a FIFO or a terminal could wait forever. Files of
 * procfs are refused, too: through `/proc/self/mem`, a client that may not run commands could read the server's keys and change its
 * program.
 */
export function assertRegular(descriptor: number): Stats {
  const stats = fstatSync(descriptor);
  if (stats.isDirectory()) throw new FileSystemError("EISDIR");
  // rule: sftp-disk-special-file
  if (!stats.isFile()) throw new FileSystemError("EACCES");
  assertNotProc(stats, descriptorPath(descriptor));
  return stats;
}

/** Throws EACCES if an entry belongs to a procfs. `path` leads to the entry that has these attributes. */
export function assertNotProc({ dev }: Stats, path: NativePath): void {
  if (thisSystem.platform !== "linux") return;
  let isProc = procDevices.get(dev);
  if (isProc === undefined) {
    isProc = statfsSync(path).type === PROC_SUPER_MAGIC;
    procDevices.set(dev, isProc);
  }
  // rule: sftp-disk-procfs
  if (isProc) throw new FileSystemError("EACCES");
}
