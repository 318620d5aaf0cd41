/** Tasks of the case `ssh2` for child processes, and their results. */
import type { Suite, Target } from "../tasks.ts";

/** How a program that is written for ssh2 moves a file over SFTP. `reads` requests blocks of 64 KiB, each after the last one. */
export const WAYS = ["fastGet", "fastPut", "read stream", "write stream", "reads"] as const;
export type Way = (typeof WAYS)[number];

/** Returns whether a way moves a file from the server. */
export function isDownload(way: Way): boolean {
  return way === "fastGet" || way === "read stream" || way === "reads";
}

export interface WayTask {
  readonly kind: "way";
  readonly target: Target;
  readonly suite: Suite;
  readonly way: Way;
  readonly remote: string;
  readonly local: string;
  /** Whether to do it once before it is timed. */
  readonly warm: boolean;
}

export interface WayResult {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Peak resident memory of the whole process, in MiB. */
  readonly peakMiB: number;
}

/** Task: run `true` so many times over one connection, each after the last one. */
export interface CommandsTask {
  readonly kind: "commands";
  readonly target: Target;
  readonly count: number;
}

export interface CommandsResult {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** Task: open so many connections, and report the memory that each takes. */
export interface IdleTask {
  readonly kind: "idle";
  readonly target: Target;
  readonly count: number;
}

export interface IdleResult {
  /** Resident memory of a connection in KiB. */
  readonly residentKiB: number;
}
