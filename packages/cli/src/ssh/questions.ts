import type { ConfigValues } from "@nacre/config";
import { keyLabel, parsePublicKey } from "@nacre/keys/internal";
import { type ConnectOptions, fingerprint, type PresentedHostKey, type PromptRequest } from "@nacre/node";
import { showPath } from "@nacre/node/extend";
import { escapeText, SshError } from "@nacre/wire";
import { certificateNote } from "nacre/extend";
import type { Asker } from "../terminal/asker.ts";

/** Hash of a fingerprint. */
export type FingerprintHash = "sha256" | "md5";

/** Returns the hash of the fingerprints that are shown. */
export function fingerprintHash({ fingerprintHash: hash }: Pick<ConfigValues, "fingerprintHash">): FingerprintHash {
  return hash === "MD5" ? "md5" : "sha256";
}

/** Login that questions refer to. */
export interface LoginTarget {
  readonly user: string;
  readonly host: string;
  readonly port: number | undefined;
  /** Name of the host in the known hosts (HostKeyAlias), in place of host and port. */
  readonly hostKeyAlias?: string | undefined;
  /** Files of known host keys; `undefined` for the default files. */
  readonly knownHosts: readonly string[] | undefined;
  /** Whether an unknown host is refused without a question. */
  readonly strictHostKeys?: boolean | undefined;
  /** How often a passphrase is asked for (NumberOfPasswordPrompts); `undefined` for the library's maximum. */
  readonly passphraseAttempts?: number | undefined;
  /** Hash of the fingerprints that are shown (FingerprintHash); default `"sha256"`. */
  readonly fingerprintHash?: FingerprintHash | undefined;
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

/** Returns handlers that ask a connection's questions, or refuse them if there is no way to ask. */
export function questions(asker: Asker | undefined, target: LoginTarget): Questions {
  if (asker === undefined) return withoutTerminal(target);
  const options = askedBy(asker, target);
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
function newHostRefused(target: LoginTarget, hostKey: PresentedHostKey): SshError {
  const { blob, certificate, certificateProblem } = hostKey;
  const { host, port, knownHosts, isJumpHost, fingerprintHash } = target;
  const where = `${escapeText(host)}${port === undefined || port === 22 ? "" : ` port ${port}`}`;
  return new SshError(
    "host-key-unknown",
    `the host key of ${where} is unknown: ${parsePublicKey(blob).format} ${fingerprint(blob, fingerprintHash)}${certificateNote(certificate, certificateProblem)}; if the administrator confirms this fingerprint, ${isJumpHost ? "" : "pass it with --host-key, or "}connect once with --accept-new to add it to ${showPath(knownHosts?.[0] ?? "~/.ssh/known_hosts")}`,
  );
}

function askedBy(asker: Asker, target: LoginTarget): Asking {
  const {
    user,
    host,
    port,
    hostKeyAlias,
    passphraseAttempts = Number.POSITIVE_INFINITY,
    isJumpHost = false,
    fingerprintHash = "sha256",
  } = target;
  // Name the host: with jump hosts, several ask, and each must get only its own password.
  const login = `${isJumpHost ? `jump host, port ${port ?? 22}: ` : ""}${escapeText(`${user}@${host}`)}`;
  const hidden = (prompt: string): Promise<string> => asker.ask(prompt, { echo: false });
  return {
    passphrase: async (file, attempt) => {
      if (attempt > 1) asker.show("Wrong passphrase.\n");
      if (attempt > passphraseAttempts) return undefined;
      // As with ssh(1), an empty answer leaves out the key.
      return (await hidden(`Enter passphrase for key '${showPath(file)}': `)) || undefined;
    },
    password: (attempt) => {
      if (attempt > 1) asker.show("Permission denied, please try again.\n");
      return hidden(`${login}'s password: `);
    },
    prompts: (request) => answerPrompts(asker, login, request),
    changePassword: async (prompt) => {
      asker.show(`The server requires a new password for ${login}: ${escapeText(prompt, { keepLines: true })}\n`);
      const oldPassword = await hidden(`Enter ${login}'s old password: `);
      for (;;) {
        const newPassword = await hidden(`Enter ${login}'s new password: `);
        if ((await hidden(`Retype ${login}'s new password: `)) === newPassword) return { oldPassword, newPassword };
        asker.show("Mismatch; try again.\n");
      }
    },
    unknownHost: (hostKey) =>
      acceptNewHost(
        asker,
        `${isJumpHost ? "jump host " : ""}${hostKeyAlias ?? nameOf(host, port)}`,
        hostKey,
        fingerprintHash,
      ),
  };
}

/** Asks keyboard-interactive prompts (RFC 4256 §3.3). Each names the login, so that it cannot pass for a prompt of this machine. */
async function answerPrompts(asker: Asker, login: string, request: PromptRequest): Promise<string[]> {
  const text = [request.name, request.instruction].filter((part) => part !== "").join("\n");
  if (text !== "") asker.show(`(${login}) ${escapeText(text, { keepLines: true })}\n`);
  const answers: string[] = [];
  for (const { prompt, echo } of request.prompts) {
    // rule: prompt-names-login
    answers.push(await asker.ask(`(${login}) ${escapeText(prompt, { keepLines: true })}`, { echo }));
  }
  return answers;
}

/** Returns the name of a host in known_hosts. */
export function nameOf(host: string, port: number = 22): string {
  return port === 22 ? host : `[${host}]:${port}`;
}

/** Wrong answers after which a host is refused, so that a program that always answers the same does not go on for ever. */
const MAX_ANSWERS = 10;

/** Asks whether to go on with an unknown host, in the words of ssh(1). */
async function acceptNewHost(
  asker: Asker,
  host: string,
  { blob, certificate, certificateProblem }: PresentedHostKey,
  hash: FingerprintHash,
): Promise<boolean> {
  // Imported here because only new hosts need it.
  const { shownKey } = await import("./shown-key.ts");
  const { fingerprint, picture } = shownKey(blob, hash);
  asker.show(`${picture}\n`);
  let prompt = `The authenticity of host '${escapeText(host)}' can't be established.
${keyLabel(parsePublicKey(blob).format)} key fingerprint is: ${fingerprint}${certificateNote(certificate, certificateProblem)}
Are you sure you want to continue connecting (yes/no/[fingerprint])? `;
  for (let asked = 0; asked < MAX_ANSWERS; asked++) {
    const answer = (await asker.ask(prompt, { echo: true })).trim();
    if (answer.toLowerCase() === "yes" || answer === fingerprint) return true;
    if (answer.toLowerCase() === "no" || answer === "") return false;
    prompt = /^(?:SHA256|MD5):/.test(answer)
      ? "The host presented a different fingerprint. Continue connecting (yes/no/[fingerprint])? "
      : "Please type 'yes', 'no' or the fingerprint: ";
  }
  return false;
}
