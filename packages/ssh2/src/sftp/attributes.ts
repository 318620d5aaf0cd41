import { isDate } from "node:util/types";
import type { Attributes } from "@nacre/sftp";

/** Mode of a new file. */
export const NEW_MODE = 0o666;

/** Attributes of a file as programs give them: times in seconds or as dates, the mode as a number or octal text. */
export interface InputAttributes {
  readonly mode?: number | string | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly size?: number | undefined;
  readonly atime?: number | Date | undefined;
  readonly mtime?: number | Date | undefined;
}

/**
 * Returns the attributes of the protocol. Values of other types are left out; owner and group, and both times, only count together. Throws
 * ssh2's errors for a mode or time that is not a number.
 */
export function attributesFromSsh2(given: unknown): Attributes {
  if (typeof given !== "object" || given === null) return {};
  const { size, uid, gid, mode, atime, mtime } = given as InputAttributes;
  return {
    ...(typeof size === "number" && { size: BigInt.asUintN(64, BigInt(Math.trunc(size) || 0)) }),
    ...(typeof uid === "number" && typeof gid === "number" && { owner: { uid: uid >>> 0, gid: gid >>> 0 } }),
    ...((typeof mode === "number" || typeof mode === "string") && { permissions: modeNumber(mode) >>> 0 }),
    ...(isTime(atime) && isTime(mtime) && { times: { atime: unixTime(atime) >>> 0, mtime: unixTime(mtime) >>> 0 } }),
  };
}

function isTime(value: unknown): value is number | Date {
  return typeof value === "number" || isDate(value);
}

/** Returns a time in seconds since 1970. Throws for a value that is neither a number nor a date. */
export function unixTime(time: unknown): number {
  if (typeof time === "number" && !Number.isNaN(time)) return time;
  if (isDate(time)) return Math.trunc(time.getTime() / 1000);
  throw new Error(`Cannot parse time: ${String(time)}`);
}

/** Returns a mode given as a number or as octal text. Throws for anything else. */
export function modeNumber(mode: unknown): number {
  const value = typeof mode === "string" ? Number.parseInt(mode, 8) : mode;
  if (typeof value === "number" && !Number.isNaN(value)) return value;
  throw new Error(`Cannot parse mode: ${String(value)}`);
}
