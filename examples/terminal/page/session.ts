import { type ConnectionChange, connect } from "@nacre/web";
import type { BaseClient, Exit } from "nacre";
import { askAboutHostKey } from "./host-key-dialog.ts";
import type { Login } from "./login-form.ts";
import { askPrompts } from "./prompts-dialog.ts";
import { showStatus } from "./status.ts";
import type { TerminalView } from "./terminal-view.ts";
import { fetchTicket } from "./ticket.ts";
import type { TracePanel } from "./trace-panel.ts";

/** Settings for `logIn`. */
export interface LoginSettings {
  readonly login: Login;
  readonly trace: TracePanel;
  readonly wasm: boolean;
  /** Aborts the login. */
  readonly signal: AbortSignal;
}

/** Connects to the host through the gateway and logs in. Rejects with an `SshError`, or with an `Error` if the gateway issues no ticket. */
export async function logIn({ login, trace, wasm, signal }: LoginSettings): Promise<BaseClient> {
  const { destination, user, password, identities } = login;
  const { host, port } = destination;
  const name = `${user}@${host}`;
  // Ends the dialogs when the login ends.
  const over = new AbortController();
  showStatus("connecting", `Connecting to ${host}`);
  try {
    const client = await connect({
      url: `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ssh`,
      ticket: await fetchTicket(destination, signal),
      host,
      port,
      user,
      password,
      identities,
      prompts: (request) => askPrompts(request),
      unknownHost: (hostKey) => askAboutHostKey(hostKey, AbortSignal.any([signal, over.signal])),
      onConnectionChange: (change) => showChange(name, change),
      warn: (text) => console.warn(text),
      trace: (record) => trace.add(record),
      wasm,
      signal,
    });
    showStatus("connected", `Connected to ${name}`);
    return client;
  } finally {
    over.abort();
  }
}

function showChange(name: string, change: ConnectionChange): void {
  if (change.type === "restored") return showStatus("connected", `Reconnected to ${name}`);
  const minutes = Math.round(change.resumeTime / 60_000);
  showStatus("reconnecting", `Reconnecting to ${name} (up to ${minutes} min)`);
}

/** Runs the user's shell in `view`. Resolves with its exit, or rejects if the connection ends first. */
export async function runShell(client: BaseClient, view: TerminalView, input: InputQueue): Promise<Exit> {
  const shell = await client.shell({ pty: view.size });
  input.connect(shell);
  view.focus();
  for await (const bytes of shell.stdout) await view.write(bytes);
  return shell.exit;
}

/** Passes the user's input and the terminal's size to the shell once it runs. */
export class InputQueue {
  readonly #encoder = new TextEncoder();
  #shell: Awaited<ReturnType<BaseClient["shell"]>> | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;

  connect(shell: Awaited<ReturnType<BaseClient["shell"]>>): void {
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
