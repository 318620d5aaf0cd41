import type { Stats } from "@nacre/node";
import { formatShort } from "./short-size.ts";

/** Letter of each file type, by the type bits of the mode. */
const TYPES: Readonly<Record<number, string>> = {
  0o010_000: "p",
  0o020_000: "c",
  0o040_000: "d",
  0o060_000: "b",
  0o100_000: "-",
  0o120_000: "l",
  0o140_000: "s",
};

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

/** Returns a mode as `ls -l` shows it. */
function modeText(mode: number): string {
  if (mode === 0) return "?---------";
  const bit = (mask: number, letter: string): string => (mode & mask ? letter : "-");
  const execute = (mask: number, special: number, letter: string): string => {
    if ((mode & special) === 0) return bit(mask, "x");
    return mode & mask ? letter : letter.toUpperCase();
  };
  return [
    TYPES[mode & 0o170_000] ?? "?",
    bit(0o400, "r"),
    bit(0o200, "w"),
    execute(0o100, 0o4000, "s"),
    bit(0o040, "r"),
    bit(0o020, "w"),
    execute(0o010, 0o2000, "s"),
    bit(0o004, "r"),
    bit(0o002, "w"),
    execute(0o001, 0o1000, "t"),
  ].join("");
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Half a year in milliseconds. Older and future times are shown with the year, as in OpenSSH. */
const HALF_YEAR = (365 / 2) * 24 * 60 * 60 * 1000;

function timeText(time: Date, now: number): string {
  const day = `${MONTHS[time.getMonth()]} ${`${time.getDate()}`.padStart(2)}`;
  const isRecent = time.getTime() > now - HALF_YEAR && time.getTime() <= now;
  return isRecent ? `${day} ${two(time.getHours())}:${two(time.getMinutes())}` : `${day}  ${time.getFullYear()}`;
}

function two(value: number): string {
  return `${value}`.padStart(2, "0");
}
