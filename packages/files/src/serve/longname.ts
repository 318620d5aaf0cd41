import { encodePath, listingTime, modeText, type NameEntry } from "@nacre/sftp";
import type { DirectoryEntry } from "./file-system.ts";

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

function timeText(seconds: number, now: number): string {
  const date = new Date(seconds * 1000);
  const calendar = {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth(),
    day: date.getUTCDate(),
    hours: date.getUTCHours(),
    minutes: date.getUTCMinutes(),
  };
  return listingTime(calendar, now - seconds);
}
