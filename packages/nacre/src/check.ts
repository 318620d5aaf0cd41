import { RSA_BITS } from "@nacre/keys/internal";
import { identificationString } from "@nacre/transport";
import { checkLimit, completeLimits, escapeText, isBytes, type LimitTable, type Overrides } from "@nacre/wire";
import { isThenable } from "./mux/engine.ts";
import { checkOptions, usage } from "./options/schema.ts";

export { isBytes, usage };

/**
 * Throws `usage` unless `handlers` is `undefined` or a record of functions. Names in `reserved` are rejected because
 * Nacre handles them itself.
 */
export function checkHandlers(handlers: object | undefined, option: string, reserved: object): void {
  for (const [name, handler] of Object.entries(handlers ?? {})) {
    if (typeof handler !== "function")
      throw usage(`\`${option}\`: the handler for "${escapeText(name)}" must be a function`);
    if (Object.hasOwn(reserved, name)) throw usage(`\`${option}\`: "${escapeText(name)}" is handled by Nacre itself`);
  }
}

/** Throws `usage` if `limits` has a name that is not in `table`, or a value outside its range. */
export function checkLimits<T extends object>(limits: Overrides<T> | undefined, table: LimitTable<T>): void {
  if (limits === undefined) return;
  checkOptions(limits, table.ranges, "`limits`");
  completeLimits(table, limits);
}

/** Throws `usage` for an invalid user name. Empty is invalid because ssh(1) rejects it, NUL because sshd disconnects on it. */
export function checkUser(user: unknown): void {
  if (user === undefined) throw usage("`user` is required; pass the name of the user to log in as");
  if (typeof user !== "string" || user === "" || user.includes("\0"))
    throw usage("`user` must be a non-empty string without NUL");
}

/** Throws `usage` for an invalid software version. */
export function checkSoftwareVersion(softwareVersion: string | undefined): void {
  if (softwareVersion !== undefined) identificationString(softwareVersion);
}

/** Throws `usage` for a least size of RSA keys outside 1,024 to 16,384 bits. */
export function checkMinRsaBits(bits: unknown = RSA_BITS.default): void {
  // rule: min-rsa-bits
  checkLimit("minRsaBits", bits, RSA_BITS);
}

/** Throws `usage` for an invalid channel type. */
export function checkChannelType(channelType: unknown): void {
  checkName(channelType, "a channel type");
}

/** Throws `usage` for an invalid channel type, and for `data` of a channel open that is not a Uint8Array. */
export function checkOpen(channelType: unknown, data: unknown): void {
  checkChannelType(channelType);
  if (data !== undefined) checkData(data);
}

/** Throws `usage` for type-specific data that is not a Uint8Array. */
export function checkData(data: unknown): void {
  if (!isBytes(data)) throw usage("`data` must be a Uint8Array");
}

/** Throws `usage` for an invalid name. Names are 1 to 64 printable US-ASCII characters (RFC 4250 §4.6.1). */
export function checkName(name: unknown, what: string): void {
  if (typeof name !== "string" || !/^[!-~]{1,64}$/.test(name))
    throw usage(`${what} must be 1 to 64 printable US-ASCII characters, such as "name@example.org"`);
}

/** Throws `usage` unless `signal` is an AbortSignal. A common mistake is to pass the AbortController. */
export function checkSignal(signal: Partial<AbortSignal> | null | undefined): void {
  if (signal !== undefined && typeof signal?.addEventListener !== "function")
    throw usage("`signal` must be an AbortSignal; pass the `signal` property of the AbortController");
}

/**
 * Throws `usage` unless the value can sign. The message never shows the value, which may be the text of a private key. `what` names the
 * value: `"an identity"`.
 */
export function checkKey(key: unknown, what: string): void {
  if (isThenable(key)) throw usage(`${what} is a promise; await it`);
  const { publicKey, sign } = (key ?? {}) as {
    readonly publicKey?: { readonly blob?: unknown };
    readonly sign?: unknown;
  };
  if (typeof sign === "function" && isBytes(publicKey?.blob)) return;
  throw usage(
    `${what} must be an opened private key, not a file name or key text; open it with \`privateKey\`, or \`hostKeyFile\` of @nacre/node`,
  );
}
