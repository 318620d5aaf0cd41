import { listingTime, modeText } from "@nacre/files";
import type { Stats } from "@nacre/node";
import { formatShort } from "./short-size.ts";

/** Names of users and groups, by their ids. */
export interface OwnerNames {
  /** User names. */
  readonly users: ReadonlyMap<number, string>;
  /** Group names. */
  readonly groups: ReadonlyMap<number, string>;
}

/**
 * Returns the line of `ls -l` for a file, in the columns of sftp(1). `name` is escaped. `now` is in milliseconds; times are those of this
 * machine's time zone. SFTP version 3 has no number of links.
 */
export function longLine(name: string, stats: Stats, owners: OwnerNames, isHuman: boolean, now: number): string {
  const { mode, uid, gid, size, mtime } = stats;
  return [
    modeText(mode),
    "   ?",
    ownerText(uid, owners.users),
    ownerText(gid, owners.groups),
    (isHuman ? formatShort(size) : `${size}`).padStart(8),
    mtime === undefined ? " ".repeat(12) : timeText(mtime, now),
    name,
  ].join(" ");
}

function ownerText(id: number | undefined, names: ReadonlyMap<number, string>): string {
  return (id === undefined ? "?" : (names.get(id) ?? `${id}`)).padEnd(8);
}

/** Returns a time as `ls -l` shows it, in this machine's time zone. `now` is in milliseconds. */
export function timeText(time: Date, now: number): string {
  const calendar = {
    year: time.getFullYear(),
    month: time.getMonth(),
    day: time.getDate(),
    hours: time.getHours(),
    minutes: time.getMinutes(),
  };
  return listingTime(calendar, (now - time.getTime()) / 1000);
}
