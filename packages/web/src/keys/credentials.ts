import { escapeText, SshError } from "@nacre/wire";
import { checkSignal, onAbort } from "nacre/internal";

/** How long a prompt of the browser may wait for its user, and what ends it. */
export interface PromptOptions {
  /** Milliseconds until the browser's prompt is given up. Default 120,000. */
  readonly timeout?: number | undefined;
  /** Aborting closes the prompt. */
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds. */
export const PROMPT_TIMEOUT = 120_000;

/** The longest time that a timer takes, in milliseconds. */
const MAX_TIMEOUT = 0x7fff_ffff;

/** Throws `usage` for an invalid timeout or signal. */
export function checkPromptOptions({ timeout = PROMPT_TIMEOUT, signal }: PromptOptions): void {
  checkSignal(signal);
  if (!(timeout >= 1 && timeout <= MAX_TIMEOUT))
    throw new SshError("usage", `timeout must be milliseconds from 1 to ${MAX_TIMEOUT}`);
}

/** Throws `usage` for a value that WebAuthn does not have: a browser would ignore it, and with it what is demanded. */
export function checkChoice(option: string, value: string | undefined, choices: readonly string[]): void {
  if (value !== undefined && !choices.includes(value))
    throw new SshError("usage", `${option} must be ${choices.map((choice) => `"${choice}"`).join(" or ")}`);
}

/** The prompt was closed or timed out, or no authenticator has the key. Browsers do not tell these apart, for privacy. */
export class PromptRefused extends SshError {
  constructor(cause: unknown) {
    super(
      "auth-cancelled",
      "the passkey was not used: the prompt was closed or timed out, or this device does not have the passkey; try again from a click, or log in with another key",
      { cause },
    );
  }
}

/**
 * Runs one request of `navigator.credentials` for passkeys of `rpId`. Another request is refused by the browser until this one has ended, so
 * the signal ends it as well as the timeout. Rejects with `auth-cancelled` (a `PromptRefused`), `aborted`, `usage` where this page may
 * not use the rpId or another request is pending, or `not-supported-here`.
 */
export async function requestCredential(
  rpId: string,
  { signal, timeout = PROMPT_TIMEOUT }: PromptOptions,
  request: (credentials: CredentialsContainer, signal: AbortSignal) => Promise<Credential | null>,
): Promise<PublicKeyCredential> {
  const credentials = credentialsOfPage();
  const over = new AbortController();
  const timedOut = new DOMException("the prompt timed out", "TimeoutError");
  const timer = setTimeout(() => over.abort(timedOut), timeout);
  const unwatch = signal && onAbort(signal, () => over.abort(signal.reason));
  try {
    const credential = await request(credentials, over.signal);
    if (credential === null) throw new PromptRefused(undefined);
    return credential as PublicKeyCredential;
  } catch (cause) {
    if (signal?.aborted) throw new SshError("aborted", "the passkey's prompt was aborted", { cause });
    throw over.signal.aborted ? new PromptRefused(cause) : explained(rpId, cause);
  } finally {
    clearTimeout(timer);
    unwatch?.();
  }
}

function credentialsOfPage(): CredentialsContainer {
  const credentials = (globalThis.navigator as Partial<Navigator> | undefined)?.credentials;
  if (typeof credentials?.get === "function") return credentials;
  throw new SshError(
    "not-supported-here",
    "this page has no navigator.credentials: passkeys need https, or http on localhost, and do not work in a worker",
  );
}

/** What the browser's error means (WebAuthn §5.1.3, §5.1.4). */
function explained(rpId: string, cause: unknown): SshError {
  if (cause instanceof SshError) return cause;
  const { name = "", message = String(cause) } = (cause ?? {}) as { readonly name?: string; readonly message?: string };
  const reason = escapeText(message);
  switch (name) {
    case "NotAllowedError":
      return new PromptRefused(cause);
    case "SecurityError":
      return new SshError(
        "usage",
        `this page may not use passkeys of "${escapeText(rpId)}": rpId must be its own domain or a parent of it, not an IP address: ${reason}`,
        { cause },
      );
    case "OperationError":
      return new SshError(
        "usage",
        `another passkey request of this page is pending; wait for it, or abort it: ${reason}`,
        {
          cause,
        },
      );
    default:
      return new SshError("not-supported-here", `the passkey request failed: ${escapeText(name)}: ${reason}`, {
        cause,
      });
  }
}
