import type { TransferProgress } from "@nacre/files";
import { formatBytes } from "../trace-lines.ts";

/** Milliseconds of half a year, after which a date shows its year in place of the time, as in `ls -l`. */
const HALF_YEAR = 182 * 24 * 60 * 60 * 1000;

/** Formats the time of a change: its day, and its time or year. `now` is the current time in milliseconds. */
export function formatDate(date: Date, now: number): string {
  const isRecent = Math.abs(now - date.getTime()) < HALF_YEAR;
  return date.toLocaleString("en", {
    month: "short",
    day: "numeric",
    ...(isRecent ? { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } : { year: "numeric" }),
  });
}

/** Formats a duration, rounded up to its largest unit: "12 s", "3 min", "2 h". */
export function formatDuration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`;
}

/** Formats a number of files. */
export function formatFiles(count: number): string {
  return count === 1 ? "1 file" : `${count} files`;
}

/** Formats the progress of a transfer: "1.0 MiB of 4.0 MiB · 1 of 3 files · 2.0 MiB/s · 2 s left". Unknown parts are left out. */
export function formatProgress(progress: TransferProgress): string {
  const { bytes, totalBytes, files, totalFiles, bytesPerSecond, secondsLeft } = progress;
  const parts = [totalBytes === undefined ? formatBytes(bytes) : `${formatBytes(bytes)} of ${formatBytes(totalBytes)}`];
  if (totalFiles === undefined) parts.push(formatFiles(files));
  else if (totalFiles > 1) parts.push(`${files} of ${formatFiles(totalFiles)}`);
  if (bytesPerSecond > 0) parts.push(`${formatBytes(bytesPerSecond)}/s`);
  if (secondsLeft !== undefined) parts.push(`${formatDuration(secondsLeft)} left`);
  return parts.join(" · ");
}
