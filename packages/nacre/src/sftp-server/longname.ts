import { encodePath, type NameEntry } from "@nacre/sftp";
import type { DirectoryEntry } from "./file-system.ts";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

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

/** Half a year in seconds. Older times are shown with the year, as in OpenSSH. */
const HALF_YEAR = (365 / 2) * 24 * 60 * 60;

/** Returns an entry of SSH_FXP_NAME with the line that `ls -l` prints. `now` is in seconds; times are in UTC. */
export function nameEntry(entry: DirectoryEntry, now: number): NameEntry {
  return {
    filename: encodePath(entry.name),
    longname: encodePath(longname(entry, now)),
    attributes: entry.attributes,
  };
}

/** Returns the line that `ls -l` prints for an entry, in the columns of OpenSSH's server. */
export function longname({ name, attributes, links, user, group }: DirectoryEntry, now: number): string {
  const { permissions, owner, size = 0n, times } = attributes;
  const columns = [
    permissions === undefined ? "?---------" : modeText(permissions),
    (links === undefined ? "?" : `${links}`).padStart(3),
    (user ?? `${owner?.uid ?? "?"}`).padEnd(8),
    (group ?? `${owner?.gid ?? "?"}`).padEnd(8),
    `${size}`.padStart(8),
    times === undefined ? " ".repeat(12) : timeText(times.mtime, now),
    name,
  ];
  return columns.join(" ");
}

function modeText(mode: number): string {
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

function timeText(seconds: number, now: number): string {
  const date = new Date(seconds * 1000);
  const day = `${MONTHS[date.getUTCMonth()]} ${`${date.getUTCDate()}`.padStart(2)}`;
  if (seconds < now - HALF_YEAR || seconds > now) return `${day}  ${date.getUTCFullYear()}`;
  return `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
}

function two(value: number): string {
  return `${value}`.padStart(2, "0");
}
