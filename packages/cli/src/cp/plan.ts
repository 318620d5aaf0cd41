import { SshError } from "@nacre/wire";
import type { Found, Side } from "./side.ts";

/** One file or directory to copy. */
export interface Step {
  /** Path at the source. */
  readonly from: string;
  /** Path of the copy. */
  readonly to: string;
  /** Whether the user typed the whole path. If not, the user typed a directory, and the last name is that of the source. */
  readonly isTyped: boolean;
  /** Name to show. */
  readonly name: string;
  /** Size in bytes; `undefined` for a directory. */
  readonly size: number | undefined;
  /** Whether the copy goes into a device, pipe or socket. */
  readonly isIntoSpecial: boolean;
}

/** The target, as found before the first copy. */
export interface Target {
  /** Files of the target's side. */
  readonly side: Side;
  /** Path as typed, or the target of the link if it is a link to a file. */
  readonly path: string;
  /** What exists at the path; `undefined` if nothing does. */
  readonly found: Found | undefined;
}

/**
 * Finds the target. As with scp(1), if the target is a link to a file, that file is replaced and the link stays. Rejects with `usage`
 * if there are several sources and the target is not a directory.
 */
export async function findTarget(side: Side, path: string, sources: number): Promise<Target> {
  const [found, linked] = await Promise.all([side.find(path), side.follow(path)]);
  if (sources > 1 && found?.isDirectory !== true)
    throw new SshError("usage", `"${side.show(path)}" is not a directory; several sources need one as their target`);
  return { side, path: isFile(found) && linked !== undefined ? linked : path, found };
}

function isFile(found: Found | undefined): boolean {
  return found !== undefined && !found.isDirectory && !found.isSpecial;
}

/**
 * Plans the copy of one source: into the target if that is a directory, to the target itself otherwise. A path
 * without a last name, such as `.`, copies the contents of the directory into the target. Rejects with `usage` for a directory without
 * `recursive`, and for a file whose target ends with a slash and is not a directory; `file-unreadable` or `sftp-no-such-file` if there is
 * nothing to copy.
 */
export async function planStep(side: Side, from: string, target: Target, recursive: boolean): Promise<Step> {
  const found = await side.find(from);
  if (found === undefined) throw new SshError("file-unreadable", `"${side.show(from)}" does not exist`);
  if (found.isDirectory && !recursive)
    throw new SshError("usage", `"${side.show(from)}" is a directory; copy it with -r`);
  if (!found.isDirectory && target.path.endsWith("/") && target.found?.isDirectory !== true)
    throw new SshError("usage", `the target "${target.side.show(target.path)}" is not a directory`);
  const isIntoSpecial = target.found?.isSpecial === true;
  if (isIntoSpecial && found.isDirectory)
    throw new SshError("usage", `the target "${target.side.show(target.path)}" is not a directory`);
  const name = side.basename(from);
  const isNameless = name === "" || name === "." || name === "..";
  const isTyped = target.found?.isDirectory !== true || isNameless;
  const to = isTyped ? target.path : target.side.join(target.path, name);
  const size = found.isDirectory ? undefined : found.size;
  return { from: from || ".", to: to || ".", isTyped, name, size, isIntoSpecial };
}
