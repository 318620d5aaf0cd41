import { SESSION_LIMITS } from "@nacre/session";
import { completeLimits, escapeText, type LimitTable, type Overrides, SshError } from "@nacre/wire";
import type { ConnectOptions } from "./client/options.ts";
import { isThenable } from "./mux/engine.ts";
import { checkNames } from "./option-names.ts";
import { checkRandom } from "./random.ts";

/**
 * Throws `usage` for options that nobody could be connected with: what a program without types may give, before anything is sent. Other
 * mistakes are found where they count.
 */
export function checkConnectOptions(options: ConnectOptions): void {
  const { user, hostKey, identities, signal, limits, random, channels } = options;
  checkUser(user);
  checkSignal(signal);
  checkRandom(random);
  checkLimits(limits, SESSION_LIMITS);
  checkHandlers(channels, "channels", CLIENT_CHANNELS);
  if (typeof hostKey !== "function")
    throw usage('hostKey is required: pinnedHostKey("SHA256:…") or a function that decides');
  if (identities === undefined) return;
  if (!Array.isArray(identities)) throw usage("identities must be an array of keys: [key]");
  for (const identity of identities) checkKey(identity, "an identity");
}

/** Channel types that a client opens, or accepts for its listeners only. */
const CLIENT_CHANNELS = { session: true, "forwarded-tcpip": true, "forwarded-streamlocal@openssh.com": true };

/** Throws `usage` if `handlers` is not a record of functions, or has a name of `reserved`, which Nacre handles itself. */
export function checkHandlers(handlers: unknown, option: string, reserved: object): void {
  if (handlers === undefined) return;
  if (typeof handlers !== "object" || handlers === null)
    throw usage(`${option} must be an object of functions: { "name@example.org": … }`);
  for (const [name, handler] of Object.entries(handlers)) {
    if (typeof handler !== "function") throw usage(`${option}: the handler of "${escapeText(name)}" is not a function`);
    if (Object.hasOwn(reserved, name)) throw usage(`${option}: "${escapeText(name)}" is handled by Nacre itself`);
  }
}

/** Throws `usage` if `limits` has a name that the table lacks, or a value outside its range. */
export function checkLimits<T extends object>(limits: Overrides<T> | undefined, table: LimitTable<T>): void {
  if (limits === undefined) return;
  checkNames(limits, table.ranges, "limits");
  completeLimits(table, limits);
}

/** Throws `usage` if a user name is invalid. ssh(1) rejects an empty one, too, and sshd disconnects on a NUL. */
export function checkUser(user: unknown): void {
  if (user === undefined) throw usage("user is missing: who to log in as");
  if (typeof user !== "string" || user === "" || user.includes("\0"))
    throw usage("user must be the name of who to log in as: text that is not empty, without NUL");
}

/** Throws `usage` for an invalid channel type. */
export function checkChannelType(channelType: unknown): void {
  checkName(channelType, "a channel type");
}

/** Throws `usage` for an invalid name: names are printable US-ASCII of 1 to 64 characters (RFC 4250 §4.6.1). */
export function checkName(name: unknown, what: string): void {
  if (typeof name !== "string" || !/^[!-~]{1,64}$/.test(name))
    throw usage(`${what} must be 1 to 64 characters of printable US-ASCII: "name@example.org"`);
}

/** Throws `usage` for what cannot tell of being aborted: the controller in place of its signal, say. */
export function checkSignal(signal: Partial<AbortSignal> | null | undefined): void {
  if (signal !== undefined && typeof signal?.addEventListener !== "function")
    throw usage("signal must be an AbortSignal: the `signal` of an AbortController");
}

/** Throws `usage` if the value cannot sign, and never shows it: it may be the text of a private key. `what`: `"an identity"`. */
export function checkKey(key: unknown, what: string): void {
  if (isThenable(key)) throw usage(`${what} is a promise: await it`);
  const { publicKey, sign } = (key ?? {}) as {
    readonly publicKey?: { readonly blob?: unknown };
    readonly sign?: unknown;
  };
  if (typeof sign === "function" && isBytes(publicKey?.blob)) return;
  throw usage(
    `${what} must be a private key, opened, or what signs for one, and not its file or text: see privateKey and hostKeyFile of @nacre/node, openPrivateKey of @nacre/keyfiles`,
  );
}

/** Whether it is a Uint8Array, of whatever realm: a program without types may give anything. */
export function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && (value as Partial<Uint8Array>).BYTES_PER_ELEMENT === 1;
}

export function usage(message: string): SshError {
  return new SshError("usage", message);
}
