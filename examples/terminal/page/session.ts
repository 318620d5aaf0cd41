import { type Client, type ConnectionChange, connect } from "@nacre/web";
import type { Exit, TraceRecord } from "nacre";
import { askAboutHostKey } from "./host-key-dialog.ts";
import type { Login } from "./login-form.ts";
import { askPrompts } from "./prompts-dialog.ts";
import { showStatus } from "./status.ts";
import type { TerminalView } from "./terminal-view.ts";
import { fetchTicket } from "./ticket.ts";

/**
 * Time in milliseconds without a packet of the host after which the page asks for one. The WebSocket is replaced 20 seconds later; with the
 * default of a minute, a user would look at a dead terminal for too long.
 */
const KEEPALIVE_INTERVAL = 15_000;

/** Settings for `logIn`. */
export interface LoginSettings {
  readonly login: Login;
  readonly wasm: boolean;
  /** Receives each packet. */
  readonly onRecord: (record: TraceRecord) => void;
  /** Called when the WebSocket is lost, and when another replaces it. */
  readonly onChange: (change: ConnectionChange) => void;
  /** Aborts the login. */
  readonly signal: AbortSignal;
}

/** Connects to the host through the gateway and logs in. Rejects with an `SshError`. */
export async function logIn({ login, wasm, onRecord, onChange, signal }: LoginSettings): Promise<Client> {
  const { destination, user, password, identities } = login;
  const { host, port } = destination;
  // Ends the dialogs when the login ends.
  const over = new AbortController();
  showStatus("connecting", "Connecting", host);
  try {
    return await connect({
      url: `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ssh`,
      ticket: await fetchTicket(destination, signal),
      host,
      port,
      user,
      password,
      identities,
      prompts: (request) => askPrompts(request),
      unknownHost: (hostKey) => askAboutHostKey(hostKey, AbortSignal.any([signal, over.signal])),
      onConnectionChange: onChange,
      warn: (text) => console.warn(text),
      trace: onRecord,
      limits: { keepaliveInterval: KEEPALIVE_INTERVAL },
      wasm,
      signal,
    });
  } finally {
    over.abort();
  }
}

/** Runs the user's shell in `view`. Resolves with its exit, or rejects if the connection ends first. */
export async function runShell(client: Client, view: TerminalView, input: InputQueue): Promise<Exit> {
  const shell = await client.shell({ pty: view.size });
  input.connect(shell);
  view.focus();
  for await (const bytes of shell.stdout) await view.write(bytes);
  return shell.exit;
}

/** Passes the user's input and the terminal's size to the shell once it runs. */
export class InputQueue {
  readonly #encoder = new TextEncoder();
  #shell: Awaited<ReturnType<Client["shell"]>> | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;

  connect(shell: Awaited<ReturnType<Client["shell"]>>): void {
    this.#shell = shell;
    this.#writer = shell.stdin.getWriter();
  }

  type(text: string): void {
    // Rejects when the shell has ended, which `runShell` reports.
    this.#writer?.write(this.#encoder.encode(text)).catch(() => {});
  }

  resize(columns: number, rows: number): void {
    this.#shell?.resize(columns, rows);
  }
}
