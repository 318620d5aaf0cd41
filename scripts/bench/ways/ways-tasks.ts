import type { ConnectResult, Target, TransferResult } from "../tasks.ts";

/** Task for a client: run `echo ok` on a host behind jump hosts. */
export interface JumpTask {
  readonly kind: "jump";
  /** How to find the way: from options in code, or from a configuration file and a host in it. */
  readonly way:
    | { readonly hops: readonly Target[]; readonly target: Target }
    | { readonly config: string; readonly host: string };
}

/** The times end with the exit status of the command. */
export type JumpResult = ConnectResult;

/** Task for a client: download the payload, directly or through the standard input and output of a shell command. */
export interface ThroughTask {
  readonly kind: "through";
  readonly target: Target;
  readonly proxyCommand: string | undefined;
  readonly bytes: number;
}

export type ThroughResult = Pick<TransferResult, "bytes" | "seconds" | "cpuSeconds">;

/** Task for a client: log in with key files, or with the same key of an agent. */
export interface LoginTask {
  readonly kind: "login";
  readonly target: Target;
  /** Key files in the order to try. Of several, the server is asked about each before the signature. */
  readonly files: readonly string[];
  /** Path of the agent's socket; `undefined` for the files. */
  readonly agent: string | undefined;
}

export type LoginResult = ConnectResult;
