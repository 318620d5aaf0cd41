import { escapeText, SshError } from "@nacre/wire";
import { checkSignal, onAbort } from "nacre/extend";

/** Timeout and abort signal of a browser prompt. */
export interface PromptOptions {
  /** Timeout of the browser prompt in milliseconds; default 120,000. */
  readonly timeout?: number | undefined;
  /** Closes the prompt on abort. */
  readonly signal?: AbortSignal | undefined;
}

/** Default timeout of a browser prompt in milliseconds. */
export const PROMPT_TIMEOUT = 120_000;

/** Maximum delay of a timer in milliseconds. */
const MAX_TIMEOUT = 0x7fff_ffff;

/** Checks prompt options. Throws `usage` if the timeout or the signal is invalid. */
export function checkPromptOptions({ timeout = PROMPT_TIMEOUT, signal }: PromptOptions): void {
  checkSignal(signal);
  if (!(timeout >= 1 && timeout <= MAX_TIMEOUT))
    throw new SshError("usage", `timeout must be milliseconds from 1 to ${MAX_TIMEOUT}`);
}

/** Checks an option against its WebAuthn values. Throws `usage` for other values: a browser would ignore them and drop the requirement. */
export function checkChoice(option: string, value: string | undefined, choices: readonly string[]): void {
  if (value !== undefined && !choices.includes(value))
    throw new SshError("usage", `${option} must be ${choices.map((choice) => `"${choice}"`).join(" or ")}`);
}

/**
 * Error for a prompt that was closed or timed out, or for an authenticator without the key. Browsers hide which of these occurred, for
 * privacy.
 */
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
 * Runs one request of `navigator.credentials` for passkeys of `rpId`. Browsers reject other requests while one is pending, so both the
 * signal and the timeout end the request.
 *
 * Rejects with `auth-cancelled` (a `PromptRefused`), `aborted`, `usage` if the page may not use `rpId` or another request is pending, or
 * `not-supported-here`.
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

/** Converts a browser error to an `SshError` (WebAuthn §5.1.3, §5.1.4). */
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
