import { utf8Encode } from "@nacre/wire";
import type { LocalStats } from "../local/local-files.ts";
import { LONGEST_NAME, randomName } from "../local/names.ts";

/** Size and time of a source when its transfer began. */
export interface SourceRecord {
  /** Size in bytes. */
  readonly size: number;
  /** Time of the last change in whole milliseconds since 1970. */
  readonly mtimeMs: number;
}

/** Name of a partial file, taken apart. */
export interface PartialName {
  /** Name of the file when it is whole. */
  readonly name: string;
  readonly record: SourceRecord;
}

/** Returns what to record of a source; `undefined` if it has no size or time that tells whether it has changed. */
export function sourceRecord({
  size,
  mtimeMs,
  isUnsized,
}: LocalStats & { readonly isUnsized?: boolean | undefined }): SourceRecord | undefined {
  if (mtimeMs === undefined || isUnsized === true) return undefined;
  const whole = Math.floor(mtimeMs);
  return Number.isSafeInteger(size) && Number.isSafeInteger(whole) && whole >= 0 ? { size, mtimeMs: whole } : undefined;
}

/**
 * Returns a new name `.NAME.nacre-RANDOM-SIZE-MTIME` for a file that is not whole, at most 255 bytes long; `undefined` if NAME is too
 * long. Numbers are in base 36. The record is in the name because it then exists from the moment the file does, needs no second file, and
 * survives a move of the directory.
 */
export function partialName(name: string, { size, mtimeMs }: SourceRecord): string | undefined {
  if (utf8Encode(name).length > LONGEST_NAME) return undefined;
  return `.${name}.nacre-${randomName()}-${size.toString(36)}-${mtimeMs.toString(36)}`;
}

/** Takes the name of a partial file apart. Returns `undefined` for any other name. */
export function parsePartialName(text: string): PartialName | undefined {
  const [, name, size, mtimeMs] = PARTIAL_NAME.exec(text) ?? [];
  if (name === undefined || size === undefined || mtimeMs === undefined) return undefined;
  return { name, record: { size: Number.parseInt(size, 36), mtimeMs: Number.parseInt(mtimeMs, 36) } };
}

const PARTIAL_NAME = /^\.(.+)\.nacre-[0-9a-f]{24}-([0-9a-z]{1,11})-([0-9a-z]{1,11})$/s;

/** Returns whether a source has the size and time that were recorded. */
export function isSameRecord(a: SourceRecord, b: SourceRecord): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs;
}
