import { decodePath, encodePath } from "@nacre/sftp";
import type { Bytes } from "@nacre/wire";
import { isBytes, usage } from "nacre/extend";

/**
 * A path on the server, relative to the user's directory unless it begins with "/". Text is sent as UTF-8. Names that are not UTF-8 can be
 * given as bytes, or as the text that `readdir` returns for them: see `decodePath` of `@nacre/sftp`.
 */
export type RemotePath = string | Uint8Array;

/** Returns a path as text. Throws `usage` for a value of another type. */
export function toText(path: RemotePath): string {
  if (typeof path === "string") return path;
  if (isBytes(path)) return decodePath(path);
  throw usage(`a path must be a string or a Uint8Array, got a value of type ${path === null ? "null" : typeof path}`);
}

/** Returns a path as bytes. Throws `usage` for a value of another type, or if the path contains NUL. */
export function toBytes(path: RemotePath): Bytes {
  return encodePath(toText(path));
}

/** Returns the path of `name` in a directory. */
export function join(directory: string, name: string): string {
  if (directory === "" || directory === ".") return name;
  return directory.endsWith("/") ? `${directory}${name}` : `${directory}/${name}`;
}

/** Returns the directory of a path: `"a/b"` has `"a"`, `"b"` has `"."`. */
export function dirname(path: string): string {
  const trimmed = trimEnd(path);
  const slash = trimmed.lastIndexOf("/");
  if (slash < 0) return trimmed === "" ? "/" : ".";
  return trimEnd(trimmed.slice(0, slash)) || "/";
}

/** Returns the last name of a path. */
export function basename(path: string): string {
  const trimmed = trimEnd(path);
  return trimmed.slice(trimmed.lastIndexOf("/") + 1);
}

/** Removes slashes from the end. A loop: a regular expression takes quadratic time on a text of slashes. */
function trimEnd(path: string): string {
  let end = path.length;
  while (end > 0 && path[end - 1] === "/") end--;
  return path.slice(0, end);
}
