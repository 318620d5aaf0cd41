import type { Program } from "./children.ts";
import type { Table } from "./table.ts";
import type { Target } from "./tasks.ts";

/** What every case is given. */
export interface Bench {
  readonly target: Target;
  /** Bytes of a bulk transfer. */
  readonly bytes: number;
  /** How often each transfer is timed. */
  readonly rounds: number;
  /** How often each client connects. */
  readonly connects: number;
  /** Whether a contender of that name takes part. */
  takesPart(contender: Contender): boolean;
  /** The payload as a file, for `ssh`. */
  readonly payloadFile: string;
  /** A line about what is being measured, on standard error. */
  progress(line: string): void;
}

/** One thing that is measured. */
export interface Case {
  readonly name: string;
  run(bench: Bench): Promise<CaseResult>;
}

/** What a case leaves. */
export interface CaseResult {
  readonly tables: readonly Table[];
  /** Every single measurement. */
  readonly samples: readonly Sample[];
}

export type Sample = Readonly<Record<string, string | number | boolean | undefined>>;

/** A client that is measured. */
export interface Contender {
  readonly name: string;
  /** `undefined` for the `ssh` command, which is a process each time. */
  readonly program: Program | undefined;
  /** Written in JavaScript by others. */
  readonly peer: boolean;
}

export const nacre: Contender = { name: "nacre", program: { file: "child-nacre" }, peer: false };
export const nacreWebStreams: Contender = {
  name: "nacre, Web streams",
  program: { file: "child-nacre", args: ["web"] },
  peer: false,
};
export const nacreOnNoble: Contender = {
  name: "nacre on noble",
  program: { file: "child-nacre", args: ["noble"] },
  peer: false,
};
export const ssh2AsInstalled: Contender = { name: "ssh2 as installed", program: { file: "child-ssh2" }, peer: true };
export const ssh2NoDelay: Contender = {
  name: "ssh2, no-delay",
  program: { file: "child-ssh2", args: ["no-delay"] },
  peer: true,
};
export const ssh2Addon: Contender = {
  name: "ssh2, addon, no-delay",
  program: { file: "child-ssh2", args: ["no-delay", "addon"] },
  peer: true,
};
export const sshCommand: Contender = { name: "ssh", program: undefined, peer: false };

/** Milliseconds that a transfer may take: 2 MB/s is a client that hangs. */
export function transferTimeout(bytes: number): number {
  return 60_000 + bytes / 2000;
}
