import type { Attributes } from "@nacre/sftp";
import { usage } from "nacre/extend";

/** A time: seconds since 1970 as a number, or a date. SFTP version 3 has whole seconds up to the year 2106. */
export type Time = number | Date;

const MAX_UINT32 = 0xffff_ffff;

/** Returns attributes with permission bits. Throws `usage` for an invalid mode. */
export function modeAttributes(mode: number | undefined): Attributes {
  if (mode === undefined) return {};
  if (!(Number.isInteger(mode) && mode >= 0 && mode <= 0o7777))
    throw usage(`\`mode\` must be an integer from 0 to 0o7777, got ${String(mode)}`);
  return { permissions: mode };
}

/** Returns attributes with an owner. Throws `usage` for an invalid id. */
export function ownerAttributes(uid: number, gid: number): Attributes {
  for (const id of [uid, gid])
    if (!(Number.isInteger(id) && id >= 0 && id <= MAX_UINT32))
      throw usage(`a user or group id must be an integer from 0 to 4294967295, got ${String(id)}`);
  return { owner: { uid, gid } };
}

/** Returns attributes with times. Throws `usage` for an invalid time. */
export function timeAttributes(atime: Time, mtime: Time): Attributes {
  return { times: { atime: seconds(atime), mtime: seconds(mtime) } };
}

/** Returns attributes with a size. Throws `usage` for an invalid size. */
export function sizeAttributes(size: number | bigint): Attributes {
  if (typeof size === "bigint" ? size < 0n : !(Number.isSafeInteger(size) && size >= 0))
    throw usage(`a length must be an integer from 0, got ${String(size)}; pass a bigint above 2^53 - 1`);
  return { size: BigInt(size) };
}

/** Throws `usage` unless `position` is a position in a file in bytes. */
export function checkPosition(position: number | undefined, name: string): void {
  if (position !== undefined && !(Number.isSafeInteger(position) && position >= 0))
    throw usage(`\`${name}\` must be an integer from 0 to 2^53 - 1, got ${String(position)}`);
}

function seconds(time: Time): number {
  const value = Math.floor(time instanceof Date ? time.getTime() / 1000 : time);
  if (!(value >= 0 && value <= MAX_UINT32))
    throw usage(`a time must be a Date, or seconds since 1970 up to 4294967295, got ${String(time)}`);
  return value;
}
