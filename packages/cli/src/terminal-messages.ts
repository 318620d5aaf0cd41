import type { SessionExit } from "@nacre/node";

/**
 * How `nacre serve` starts the process that hosts one terminal: `nacre --terminal-host`, with an IPC channel for messages and the
 * terminal's bytes on descriptor `TERMINAL_BYTES`.
 *
 * The library opens a terminal without O_CLOEXEC, so every process started later by the same process would inherit it, and could type
 * into it. A host starts one process, which has closed the terminal's own side by then; the server never holds a terminal.
 */
export const TERMINAL_HOST = "--terminal-host";

/** The host's descriptor for what is typed into the terminal, and what it shows. */
export const TERMINAL_BYTES = 4;

/** From the server to the host; `start` first, and once. */
export type HostCommand =
  | {
      readonly type: "start";
      readonly file: string;
      readonly words: readonly string[];
      readonly cwd: string;
      readonly env: Readonly<Record<string, string>>;
      /** The terminal's type, `TERM`. */
      readonly name: string;
      readonly columns: number;
      readonly rows: number;
    }
  | { readonly type: "resize"; readonly columns: number; readonly rows: number };

/** From the host to the server. */
export type HostReport =
  | { readonly type: "started"; readonly pid: number }
  | { readonly type: "failed"; readonly message: string }
  /** All that the terminal showed has been sent before. */
  | { readonly type: "ended"; readonly exit: SessionExit };
