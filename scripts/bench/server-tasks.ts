/** What the `server` case asks of servers and of their visitors, and what comes back. Everything here goes through IPC as JSON. */
import type { Target } from "./tasks.ts";

/** To a server: listen. It lets in who has the one user key, and runs `send BYTES` and `receive`. */
export interface ListenTask {
  readonly kind: "listen";
  readonly hostKeyFile: string;
  /** `"ssh-ed25519 AAAA…"` */
  readonly userKey: string;
}

export interface ListenResult {
  readonly port: number;
}

/** To a server: tell what the process holds and has done. */
export interface CensusTask {
  readonly kind: "census";
  /** Collect garbage first, which costs time. */
  readonly collect: boolean;
}

export interface Census {
  /** Bytes. */
  readonly resident: number;
  readonly heap: number;
  /** Memory outside of the heap that belongs to objects in it: buffers mostly. */
  readonly external: number;
  readonly connections: number;
  /** Since it listens. */
  readonly logins: number;
  /** User and system time of the process, seconds. */
  readonly cpuSeconds: number;
  /** Seconds that went into each part of logins, where they are counted. */
  readonly parts: Readonly<Record<string, number>>;
}

/** To visitors: log in so many times and stay, without asking for anything. */
export interface StayTask {
  readonly kind: "stay";
  readonly target: Target;
  readonly count: number;
  /** The one kex method to offer; the library's own list without. */
  readonly kex: string | undefined;
}

/** To visitors: log in so many times, and leave at once each time. */
export interface CallTask {
  readonly kind: "call";
  readonly target: Target;
  readonly count: number;
  readonly kex: string | undefined;
}

/** To visitors: all go. */
export interface LeaveTask {
  readonly kind: "leave";
}

export interface VisitResult {
  readonly seconds: number;
  /** What all of them agreed on: `"curve25519-sha256, aes128-gcm@openssh.com"`. */
  readonly negotiated: string;
}

export type ServerTask = ListenTask | CensusTask | StayTask | CallTask | LeaveTask;

export type ServerResultOf<T extends ServerTask> = T extends ListenTask
  ? ListenResult
  : T extends CensusTask
    ? Census
    : VisitResult;
