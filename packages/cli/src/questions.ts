import { parsePublicKey } from "@nacre/keys/internal";
import type { ConnectOptions, HostKey, PromptRequest } from "@nacre/node";
import { escapeText, SshError } from "@nacre/wire";
import type { Terminal } from "./terminal.ts";

/** What a login is to, as its questions name it. */
export interface LoginTarget {
  readonly user: string;
  readonly host: string;
  readonly port: number | undefined;
  /** The file that `--known-hosts` names. */
  readonly knownHosts: string | undefined;
  /** Whether it is on the way only: `--host-key` is not about it. */
  readonly isJumpHost?: boolean;
}

type Asking = Pick<ConnectOptions, "passphrase" | "password" | "changePassword" | "prompts" | "unknownHost">;

/** The questions of a connection, and what to say when they could not be put. */
export interface Questions {
  readonly options: Asking;
  /** The error that a connection failed with; that of a login also says what there was nobody to ask for. */
  readonly explain: (error: unknown) => unknown;
}

/** How the questions of a connection are put to the person at the terminal, or are answered where there is none. */
export function questions(terminal: Terminal | undefined, target: LoginTarget): Questions {
  return terminal === undefined
    ? withNobodyToAsk(target)
    : { options: askedAt(terminal, target), explain: (error) => error };
}

/**
 * Without a terminal nothing is asked: passphrases and passwords are not given, no keyboard-interactive conversation is begun, and new
 * hosts are refused. Where a password or answers would have done, the error at the end says why there were none.
 */
function withNobodyToAsk(target: LoginTarget): Questions {
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
        `${error.message}. There is no terminal to ask for ${question}: log in with another key (-i), or run this in a terminal`,
        { cause: error },
      );
    },
  };
}

/** As the library says it, but with the words of this command line. */
function newHostRefused({ host, port, knownHosts, isJumpHost }: LoginTarget, { blob, fingerprint }: HostKey): SshError {
  const where = `${escapeText(host)}${port === undefined || port === 22 ? "" : ` port ${port}`}`;
  return new SshError(
    "host-key-unknown",
    `the host key of ${where} is not known: it is ${parsePublicKey(blob).format} ${fingerprint}. If its administrator confirms this fingerprint, ${isJumpHost ? "" : "give it with --host-key, or "}connect once with --accept-new, which adds it to ${escapeText(knownHosts ?? "~/.ssh/known_hosts")}`,
  );
}

function askedAt(terminal: Terminal, { user, host, port, isJumpHost = false }: LoginTarget): Asking {
  // Several hosts may ask: nobody should give one the password of another.
  const login = `${escapeText(`${user}@${host}`)}${isJumpHost ? ` (jump host, port ${port ?? 22})` : ""}`;
  const hidden = (prompt: string): Promise<string> => terminal.ask(prompt, { echo: false });
  return {
    passphrase: (file, attempt) =>
      hidden(`${attempt > 1 ? "That was not it. " : ""}Passphrase for the key ${escapeText(file)}: `),
    password: (attempt) => hidden(`${attempt > 1 ? "That was not it. " : ""}Password for ${login}: `),
    changePassword: async (prompt) => {
      terminal.show(`${login} wants another password: ${escapeText(prompt, { keepLines: true })}\n`);
      const oldPassword = await hidden("Old password: ");
      for (;;) {
        const newPassword = await hidden("New password: ");
        if ((await hidden("New password again: ")) === newPassword) return { oldPassword, newPassword };
        terminal.show("The two differ.\n");
      }
    },
    prompts: (request) => answerPrompts(terminal, login, request),
    unknownHost: (hostKey) => acceptNewHost(terminal, isJumpHost ? `jump host ${host}` : host, hostKey),
  };
}

/** Keyboard-interactive (RFC 4256 §3.3): whose questions these are is said, so that they are not taken for this machine's. */
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
  // The picture is for new hosts only.
  const { randomart } = await import("@nacre/keyfiles");
  terminal.show(`${escapeText(host)} is not a known host. Its ${format} key is\n${fingerprint}\n${randomart(blob)}\n`);
  let prompt = "Is it the right one? It is then remembered (yes, no, or the fingerprint you expect): ";
  for (;;) {
    const answer = (await terminal.ask(prompt, { echo: true })).trim();
    if (answer.toLowerCase() === "yes" || answer === fingerprint) return true;
    if (answer.toLowerCase() === "no") return false;
    prompt = answer.startsWith("SHA256:")
      ? "That is not the fingerprint that was presented. Is it the right host (yes, no, or the fingerprint)? "
      : "Please say yes, no, or the fingerprint: ";
  }
}
