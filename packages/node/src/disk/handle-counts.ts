import { FileSystemError } from "@nacre/files/server";

/** Numbers of open files and directories, by root, and by root and login. Sessions may serve one root by file systems of their own. */
const counts = new Map<string, number>();

/**
 * Counts one more below a root. Throws EMFILE if the login already has as many as are left of `most`. So one login gets at most half of
 * them, and some are left for every other.
 */
export function countOpened(root: string, login: string, most: number): void {
  const own = counts.get(keyOf(root, login)) ?? 0;
  const left = most - (counts.get(root) ?? 0);
  // rule: sftp-disk-handles
  if (/* rule: sftp-disk-share */ own >= left) throw new FileSystemError("EMFILE");
  add(root, 1);
  add(keyOf(root, login), 1);
}

/** Counts one less below a root. */
export function countClosed(root: string, login: string): void {
  add(root, -1);
  add(keyOf(root, login), -1);
}

function keyOf(root: string, login: string): string {
  return `${root}\0${login}`;
}

function add(key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
