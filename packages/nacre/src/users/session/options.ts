import type { OptionRows } from "../../options/schema.ts";
import { SESSION_OPTIONS, type SessionOpenOptions } from "../client/client.ts";

/** A pseudo-terminal (RFC 4254 §6.2). */
export interface PtyOptions {
  /** Value of TERM; default `"xterm-256color"`. */
  readonly term?: string | undefined;
  /** Width in characters; default 80. */
  readonly columns?: number | undefined;
  /** Height in characters; default 24. */
  readonly rows?: number | undefined;
  /**
   * Terminal modes by name (RFC 4254 §8), such as `{ ECHO: 0 }`, or encoded. `nacre/core`, whose bundles need not carry the names, takes
   * only encoded modes: `encodeTerminalModes({ ECHO: 0 })`.
   */
  readonly modes?: Readonly<Record<string, number>> | Uint8Array | undefined;
  /** Called if the server refuses the terminal. The command then runs without one; by default it fails with `channel-request-failed`. */
  readonly refused?: (() => void) | undefined;
}

export const PTY_OPTIONS: OptionRows<PtyOptions> = {
  term: true,
  columns: true,
  rows: true,
  modes: "object or bytes",
  refused: "function",
};

/** A request sent on a session before its command. */
export interface SessionRequestOptions {
  /** Request type, such as `"name@example.org"`. */
  readonly type: string;
  /** Request-specific data; default empty. */
  readonly data?: Uint8Array | undefined;
  /** Whether the server must grant the request; default true. If the server refuses it, the command fails with `channel-request-failed`. */
  readonly wantReply?: boolean | undefined;
}

export const REQUEST_OPTIONS: OptionRows<SessionRequestOptions> = { type: true, data: true, wantReply: "boolean" };

/** Options for starting a command. */
export interface SpawnOptions extends SessionOpenOptions {
  /** Environment variables. A server accepts only those that its configuration allows (`AcceptEnv`). See `envMode`. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /**
   * How to set the variables of `env`. `"request"`, the default, asks the server, which may drop any in silence: sshd mostly takes LANG and
   * LC_* alone. `"command"` sets them in the command, for `exec` and `spawn`: `export NAME='value'; ` before it. The user's shell must be a
   * POSIX shell; others at the server can then read the values in its list of processes.
   */
  readonly envMode?: "request" | "command" | undefined;
  /** Requests a pseudo-terminal; `true` uses the default settings. */
  readonly pty?: PtyOptions | boolean | undefined;
  /** Application-defined requests, sent in order on the session before the command (RFC 4254 §6). */
  readonly requests?: readonly SessionRequestOptions[] | undefined;
  /** When aborted, sends `killSignal` to the command and closes its channel, or ends the wait for a session. */
  readonly signal?: AbortSignal | undefined;
  /** Signal for an aborted command, such as `"KILL"` (RFC 4254 §6.9); default `"TERM"`. Servers may ignore it. */
  readonly killSignal?: string | undefined;
}

export const SPAWN_OPTIONS: OptionRows<SpawnOptions> = {
  env: "object",
  envMode: ["request", "command"],
  pty: "object or boolean",
  requests: "array",
  ...SESSION_OPTIONS,
  killSignal: "string",
};

/** Options for running a command to its end. */
export interface ExecOptions extends SpawnOptions {
  /** Input of the command; default empty. With `pty`, EOF is sent only if this is given, even if empty. */
  readonly input?: string | Uint8Array | undefined;
  /**
   * Maximum number of bytes of output and error output together; default 64 MiB. `Infinity` removes the limit. More output fails the
   * command with `output-limit`.
   */
  readonly maxOutput?: number | undefined;
  /**
   * Whether to run the command again, from its beginning, if the connection is lost before the server has reported its exit; default false.
   * For commands that may run twice: the first may have done all of its work. Needs a client with `reconnect`.
   */
  readonly retry?: boolean | undefined;
}

export const EXEC_OPTIONS: OptionRows<ExecOptions & { readonly encoding: unknown }> = {
  ...SPAWN_OPTIONS,
  input: "string or bytes",
  maxOutput: true,
  retry: "boolean",
  encoding: true,
};

/** How a command ended (RFC 4254 §6.10). `status` and `signal` are both `undefined` if the server sent no exit report. */
export interface Exit {
  readonly status: number | undefined;
  /** Signal name without "SIG", such as `"KILL"`. */
  readonly signal: string | undefined;
  readonly coreDumped: boolean;
}

/** Result of a command that ran to its end. */
export interface ExecResult<T = string> extends Exit {
  readonly stdout: T;
  readonly stderr: T;
}
