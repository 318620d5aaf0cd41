import { parsePublicKey } from "@nacre/keys/internal";
import type { ConnectOptions, HostKey, PromptRequest } from "@nacre/node";
import { escapeText, SshError } from "@nacre/wire";
import type { Terminal } from "../terminal/terminal.ts";

/** Login that questions refer to. */
export interface LoginTarget {
  readonly user: string;
  readonly host: string;
  readonly port: number | undefined;
  /** Files of known host keys; `undefined` for the default files. */
  readonly knownHosts: readonly string[] | undefined;
  /** Whether an unknown host is refused without a question. */
  readonly strictHostKeys?: boolean | undefined;
  /** Whether this is a jump host. `--host-key` does not apply to jump hosts. */
  readonly isJumpHost?: boolean;
}

type Asking = Pick<ConnectOptions, "passphrase" | "password" | "changePassword" | "prompts" | "unknownHost">;

/** Handlers for the questions of a connection, and the explanation if they could not be asked. */
export interface Questions {
  readonly options: Asking;
  /** Returns the connection's error. A login error also states which question could not be asked. */
  readonly explain: (error: unknown) => unknown;
}

/** Returns handlers that ask a connection's questions at the terminal, or refuse them if there is no terminal. */
export function questions(terminal: Terminal | undefined, target: LoginTarget): Questions {
  if (terminal === undefined) return withoutTerminal(target);
  const options = askedAt(terminal, target);
  // rule: strict-host-keys
  if (target.strictHostKeys)
    return { options: { ...options, ...withoutTerminal(target).options }, explain: (error) => error };
  return { options, explain: (error) => error };
}

/**
 * Without a terminal nothing is asked. No passphrase or password is given, keyboard-interactive is not tried, and unknown hosts are
 * refused. If the server would have accepted a password or answers, the login error explains why none were given.
 */
function withoutTerminal(target: LoginTarget): Questions {
  return {
    options: {
      unknownHost: (hostKey) => {
        throw newHostRefused(target, hostKey);
      },
    },
    explain: (error) => {
      if (!(error instanceof SshError) || error.code !== "auth-failed") return error;
      const [, method] = /; it accepts: .*?\b(password|keyboard-interactive)\b/.exec(error.message) ?? [];
      if (method === undefined) return error;
      const question = method === "password" ? "a password" : "answers to the server's questions";
      return new SshError(
        "auth-failed",
        `${error.message}; there is no terminal to ask for ${question}, so log in with another key (-i) or run nacre in a terminal`,
        { cause: error },
      );
    },
  };
}

/** Returns the library's error for an unknown host, with the remedies of this command line. */
function newHostRefused({ host, port, knownHosts, isJumpHost }: LoginTarget, { blob, fingerprint }: HostKey): SshError {
  const where = `${escapeText(host)}${port === undefined || port === 22 ? "" : ` port ${port}`}`;
  return new SshError(
    "host-key-unknown",
    `the host key of ${where} is unknown: ${parsePublicKey(blob).format} ${fingerprint}; if the administrator confirms this fingerprint, ${isJumpHost ? "" : "pass it with --host-key, or "}connect once with --accept-new to add it to ${escapeText(knownHosts?.[0] ?? "~/.ssh/known_hosts")}`,
  );
}

function askedAt(terminal: Terminal, { user, host, port, isJumpHost = false }: LoginTarget): Asking {
  // Name the host: with jump hosts, several ask, and each must get only its own password.
  const login = `${isJumpHost ? `jump host, port ${port ?? 22}: ` : ""}${escapeText(`${user}@${host}`)}`;
  const hidden = (prompt: string): Promise<string> => terminal.ask(prompt, { echo: false });
  return {
    passphrase: (file, attempt) =>
      hidden(`${attempt > 1 ? "Wrong passphrase. " : ""}Enter passphrase for key '${escapeText(file)}': `),
    password: (attempt) =>
      hidden(`${attempt > 1 ? "Permission denied, please try again.\n" : ""}${login}'s password: `),
    changePassword: async (prompt) => {
      terminal.show(`The server requires a new password for ${login}: ${escapeText(prompt, { keepLines: true })}\n`);
      const oldPassword = await hidden("Old password: ");
      for (;;) {
        const newPassword = await hidden("New password: ");
        if ((await hidden("Repeat new password: ")) === newPassword) return { oldPassword, newPassword };
        terminal.show("The passwords do not match.\n");
      }
    },
    prompts: (request) => answerPrompts(terminal, login, request),
    unknownHost: (hostKey) => acceptNewHost(terminal, isJumpHost ? `jump host ${host}` : host, hostKey),
  };
}

/** Asks keyboard-interactive prompts (RFC 4256 §3.3). Each names the login, so that it cannot pass for a prompt of this machine. */
async function answerPrompts(terminal: Terminal, login: string, request: PromptRequest): Promise<string[]> {
  const text = [request.name, request.instruction].filter((part) => part !== "").join("\n");
  if (text !== "") terminal.show(`(${login}) ${escapeText(text, { keepLines: true })}\n`);
  const answers: string[] = [];
  for (const { prompt, echo } of request.prompts) {
    // rule: prompt-names-login
    answers.push(await terminal.ask(`(${login}) ${escapeText(prompt, { keepLines: true })}`, { echo }));
  }
  return answers;
}

async function acceptNewHost(terminal: Terminal, host: string, { blob, fingerprint }: HostKey): Promise<boolean> {
  const { format } = parsePublicKey(blob);
  // Imported here because only new hosts need it.
  const { randomart } = await import("@nacre/keyfiles");
  terminal.show(`${escapeText(host)} is not a known host. Its ${format} key is\n${fingerprint}\n${randomart(blob)}\n`);
  let prompt = "Are you sure you want to continue connecting (yes/no/[fingerprint])? ";
  for (;;) {
    const answer = (await terminal.ask(prompt, { echo: true })).trim();
    if (answer.toLowerCase() === "yes" || answer === fingerprint) return true;
    if (answer.toLowerCase() === "no") return false;
    prompt = answer.startsWith("SHA256:")
      ? "The host presented a different fingerprint. Continue connecting (yes/no/[fingerprint])? "
      : "Please type 'yes', 'no' or the fingerprint: ";
  }
}
