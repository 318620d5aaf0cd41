import { decodePath, encodePath } from "@nacre/files/server";
import { bufferOf } from "../crypto/bytes.ts";

/** A path for `node:fs`: text, or bytes if a name in it is not valid UTF-8. */
export type NativePath = string | Buffer;

/** Code units that stand for a byte that is not UTF-8, or the second half of a character beyond U+FFFF. */
const MAYBE_RAW_BYTE = /[\udc80-\udcff]/;

/** Returns a path as `node:fs` takes it. In `path`, bytes that are not UTF-8 are lone surrogates (see `encodePath`). */
export function nativePath(path: string): NativePath {
  // Node encodes a string faster than the portable code, but replaces lone surrogates.
  return MAYBE_RAW_BYTE.test(path) ? bufferOf(encodePath(path)) : path;
}

/** Returns the text of a name or path from `node:fs`. Bytes that are not UTF-8 become lone surrogates. */
export function pathText(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  return text.includes("\ufffd") ? decodePath(bytes) : text;
}

/** Returns a path with one character per byte, for comparisons. */
export function bytesOf(path: string): string {
  return bufferOf(encodePath(path)).toString("latin1");
}

const { versions } = process;

/** Whether this runtime is Node itself. */
export const isNode: boolean = versions.bun === undefined && versions["deno"] === undefined;
