import type { SessionExit } from "@nacre/node";

/**
 * Argument that starts a terminal host, `nacre --terminal-host`: the process in which `nacre serve` runs one terminal. It gets an IPC
 * channel for messages, and the terminal's bytes on descriptor `TERMINAL_BYTES`.
 *
 * A separate process is needed because node-pty opens terminals without O_CLOEXEC: every program that the same process starts later would
 * inherit the terminal and could type into it. A host starts only one program, and the server itself never opens a terminal.
 */
export const TERMINAL_HOST = "--terminal-host";

/** Descriptor of the host that carries the terminal's input and output. */
export const TERMINAL_BYTES = 4;

/** Message from the server to the host. `start` comes first and only once. */
export type HostCommand =
  | {
      readonly type: "start";
      readonly file: string;
      readonly words: readonly string[];
      readonly cwd: string;
      readonly env: Readonly<Record<string, string>>;
      /** Terminal type, the value of TERM. */
      readonly name: string;
      readonly columns: number;
      readonly rows: number;
    }
  | { readonly type: "resize"; readonly columns: number; readonly rows: number };

/** Message from the host to the server. */
export type HostReport =
  | { readonly type: "started"; readonly pid: number }
  | { readonly type: "failed"; readonly message: string }
  /** Sent after all of the terminal's output. */
  | { readonly type: "ended"; readonly exit: SessionExit };
