import { parsePublicKey } from "@nacre/keys/parts";
import type { ConnectOptions, HostKey, PromptRequest } from "@nacre/node";
import { escapeText, SshError } from "@nacre/wire";
import type { Terminal } from "./terminal.ts";

/**
 * How the questions of a connection are put to the person at the terminal. Without a terminal passphrases are not asked for,
 * new hosts are refused, and a server that wants a password ends the login.
 */
export function questions(
  terminal: Terminal | undefined,
  { user, host }: { readonly user: string; readonly host: string },
): Pick<ConnectOptions, "passphrase" | "password" | "changePassword" | "prompts" | "unknownHost"> {
  const login = escapeText(`${user}@${host}`);
  if (terminal === undefined) {
    const nobody = (what: string): never => {
      throw new SshError(
        "auth-cancelled",
        `${login} wants ${what}, and there is no terminal to ask on: log in with a key (-i), or run this in a terminal`,
      );
    };
    return { password: () => nobody("a password"), prompts: () => nobody("answers to its questions") };
  }

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
    unknownHost: (hostKey) => acceptNewHost(terminal, host, hostKey),
  };
}

/** Keyboard-interactive (RFC 4256 §3.3): whose questions these are is said, so that they are not taken for this machine's. */
async function answerPrompts(terminal: Terminal, login: string, request: PromptRequest): Promise<string[]> {
  const text = [request.name, request.instruction].filter((part) => part !== "").join("\n");
  if (text !== "") terminal.show(`(${login}) ${escapeText(text, { keepLines: true })}\n`);
  const answers: string[] = [];
  for (const { prompt, echo } of request.prompts)
    answers.push(await terminal.ask(`(${login}) ${escapeText(prompt, { keepLines: true })}`, { echo }));
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
