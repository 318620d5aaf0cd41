// Script of the page. `@nacre/web` runs here: keys, passwords and plaintext never leave the page.
import type { Client } from "@nacre/web";
import { type Exit, SshError } from "nacre";
import type { PageConfig } from "../src/destination.ts";
import { showChangedHostKey } from "./changed-host-key.ts";
import { element, messageOf } from "./elements.ts";
import { installKey } from "./install-key.ts";
import { LinkView } from "./link-view.ts";
import { type Login, LoginForm } from "./login-form.ts";
import { browserKey } from "./page-keys.ts";
import { explain, explainInstall } from "./problems.ts";
import { InputQueue, logIn, runShell } from "./session.ts";
import { showStatus } from "./status.ts";
import { TerminalView } from "./terminal-view.ts";
import { TracePanel } from "./trace-panel.ts";

const loginView = element("login-view", HTMLElement);
const sessionView = element("session-view", HTMLElement);
const sessionActions = element("session-actions", HTMLElement);
const inspector = element("inspector", HTMLElement);
const toggleInspector = element("toggle-inspector", HTMLButtonElement);
const files = element("files", HTMLElement);
const toggleFiles = element("toggle-files", HTMLButtonElement);
const disconnect = element("disconnect", HTMLButtonElement);
const again = element("again", HTMLButtonElement);
const leave = element("leave", HTMLButtonElement);
const install = element("install", HTMLButtonElement);
const installResult = element("install-result", HTMLElement);
const badgeHost = element("badge-host", HTMLElement);
const isNarrow = matchMedia("(max-width: 48rem)");

const config = await loadConfig();
// Hidden until the script can handle it.
loginView.hidden = false;
/** Aborts the current login. */
let attempt = new AbortController();
const form = new LoginForm(
  config.destinations,
  (login) => void start(login),
  () => attempt.abort(),
);

toggleInspector.addEventListener("click", () => showBeside(inspector.hidden ? inspector : undefined));
// The badge's explanation covers the page; Escape and a click elsewhere close it.
const badge = element("badge", HTMLDetailsElement);
document.addEventListener("pointerdown", ({ target }) => {
  if (target instanceof Node && !badge.contains(target)) badge.open = false;
});
badge.addEventListener("keydown", ({ key }) => {
  if (key === "Escape") badge.open = false;
});

async function loadConfig(): Promise<PageConfig> {
  try {
    return (await (await fetch("/config.json")).json()) as PageConfig;
  } catch (error) {
    showStatus("ended", "The page's settings cannot be loaded. Reload the page");
    throw error;
  }
}

async function start(login: Login): Promise<void> {
  attempt = new AbortController();
  form.setBusy(true);
  const trace = new TracePanel();
  let link: LinkView | undefined;
  const over = new AbortController();
  let next: Next = "leave";
  try {
    const client = await logIn({
      login,
      wasm: config.wasm,
      onRecord(record) {
        trace.add(record);
        if (record.type === "packet" && record.direction === "received") link?.update({ type: "received" });
      },
      onChange: (change) => link?.update(change),
      signal: attempt.signal,
    });
    form.reset();
    link = new LinkView(`${login.user}@${login.destination.host}`, over.signal);
    next = await showSession(client, login, link, over);
  } catch (error) {
    showFailure(error, login);
  } finally {
    form.setBusy(false);
  }
  if (next === "log-in-again") form.logInAgain();
}

function showFailure(error: unknown, login: Login): void {
  showStatus("ended", "Not connected");
  if (!(error instanceof SshError && error.code === "host-key-changed")) return form.showProblem(explain(error, login));
  showChangedHostKey(login.destination, error.message, () => {
    form.showProblem("");
    showStatus("idle", "The old key is forgotten. Connect again and compare the new fingerprint");
    form.focus();
  });
}

/** What the user does after a session. */
type Next = "leave" | "log-in-again";

/** Runs the shell until it ends and the user leaves the view. Aborts `over` then. */
async function showSession(client: Client, login: Login, link: LinkView, over: AbortController): Promise<Next> {
  const { destination, user } = login;
  const { signal } = over;
  loginView.hidden = true;
  sessionView.hidden = false;
  sessionActions.hidden = false;
  disconnect.hidden = false;
  badgeHost.textContent = `${user}@${destination.host}`;
  installResult.textContent = "";
  showBeside(isNarrow.matches ? undefined : inspector);
  let panel: Promise<unknown> | undefined;
  const openFiles = (): void => {
    showBeside(files.hidden ? files : undefined);
    // Loaded when it is needed: a page that is only a terminal carries no SFTP.
    panel ??= import("./files/file-panel.ts").then(
      ({ FilePanel }) => signal.aborted || new FilePanel(client, signal),
      (error: unknown) => {
        panel = undefined;
        element("files-problem", HTMLElement).textContent = messageOf(error);
      },
    );
  };
  toggleFiles.addEventListener("click", openFiles, { signal });
  const input = new InputQueue();
  const view = new TerminalView(
    (text) => {
      input.type(text);
      // A sequence that starts with ESC may be the terminal's answer to a program, which sends nothing back.
      if (!text.startsWith("\x1b")) link.update({ type: "typed", at: performance.now() });
    },
    ({ columns, rows }) => input.resize(columns, rows),
    () => toggleFiles.focus(),
  );
  const next = new Promise<Next>((resolve) => {
    for (const button of [disconnect, leave]) button.addEventListener("click", () => resolve("leave"), { signal });
    again.addEventListener("click", () => resolve("log-in-again"), { signal });
  });
  const end = (reason: string): void => {
    // The user may have left before the shell ended.
    if (signal.aborted) return;
    link.update({ type: "ended", reason });
    view.end();
    disconnect.hidden = true;
    again.focus();
  };
  install.addEventListener("click", () => void installBrowserKey(client, login, signal), { signal });
  // Ctrl+W deletes a word in a shell, but closes the tab in a browser. The browser asks first, unless the session has ended.
  window.addEventListener("beforeunload", (event) => disconnect.hidden || event.preventDefault(), { signal });
  try {
    void runShell(client, view, input).then(
      (exit) => end(textOfExit(exit)),
      (error: unknown) => end(explain(error, login)),
    );
    return await next;
  } finally {
    over.abort();
    view.dispose();
    sessionView.hidden = true;
    sessionActions.hidden = true;
    loginView.hidden = false;
    badgeHost.textContent = "host";
    await client.close();
    showStatus("idle", "Not connected");
    form.focus();
  }
}

function textOfExit({ status, signal }: Exit): string {
  if (signal !== undefined) return `The session was ended by the signal ${signal}.`;
  return status === 0 ? "The session has ended." : `The session has ended with exit status ${status ?? "unknown"}.`;
}

/** Shows one of the panels beside the terminal, or none. */
function showBeside(shown: HTMLElement | undefined): void {
  for (const [panel, toggle] of [
    [files, toggleFiles],
    [inspector, toggleInspector],
  ] as const) {
    panel.hidden = panel !== shown;
    toggle.setAttribute("aria-expanded", `${panel === shown}`);
  }
}

async function installBrowserKey(client: Client, login: Login, signal: AbortSignal): Promise<void> {
  install.disabled = true;
  installResult.textContent = "";
  try {
    const key = (await browserKey.get()) ?? (await browserKey.make());
    await installKey(client, key.authorizedKeysLine(browserKey.comment), signal);
    installResult.textContent = "Added. Choose “Browser key” at the next login.";
  } catch (error) {
    if (!signal.aborted) installResult.textContent = explainInstall(error, login);
  } finally {
    install.disabled = false;
  }
}
