// What the page says when a login, a session or a key fails: the cause and a remedy, in its own words.
import { SshError, type SshErrorCode } from "nacre";
import { messageOf } from "./elements.ts";
import type { Login } from "./login-form.ts";

/** The parts of a login that its problems mention. */
export type Attempt = Pick<Login, "destination" | "user" | "method">;

/** Writes a sentence about a failed login. `where` is the host and port, `message` the library's. */
type Sentence = (where: string, attempt: Attempt, message: string) => string;

const GONE = "The gateway no longer has this session, because it was restarted or gave up waiting. Log in again.";
const LOST = "The connection was lost and could not be restored. Check the network, then log in again.";
const ALTERED =
  "The data was changed in transit, so the page ended the connection. If it happens again, do not trust this network.";

/** Problems by the reason in the gateway's close frame. A map, because the reason is untrusted. */
const GATEWAY: ReadonlyMap<string, Sentence> = new Map(
  Object.entries({
    shutdown: () => "The gateway is shutting down. Log in again when it is back.",
    "ticket-refused": () => "The login took too long, or another page used its ticket. Connect again.",
    "destination-refused": (where) =>
      `The gateway may not connect to ${where}. Start it with --allow and this address.`,
    "tunnel-unknown": () => GONE,
    "resume-elsewhere": () => GONE,
    "proof-refused": () => GONE,
    "too-many": () => "The gateway has too many connections. Try again in a minute.",
    "idle-timeout": () => "The gateway ended the session, because nothing was sent for too long. Log in again.",
    "time-limit": () => "The gateway ended the session, because it reached its longest time. Log in again.",
    "byte-limit": () => "The gateway ended the session, because it moved too many bytes. Log in again.",
    "gateway-failed": () => "The gateway failed. Try again; its log has the reason.",
    "destination-unreachable": (where) =>
      `${where} cannot be reached. Check that the host is running, and that its SSH server listens on this port.`,
    "destination-lost": (where) =>
      `${where} ended the connection. Log in again; if it happens at once, see the host's log.`,
    "destination-timeout": (where) =>
      `${where} does not answer. Check that the host is running, and that no firewall blocks this port.`,
  } satisfies Record<string, Sentence>),
);

/** Problems by the code of the error. */
const CODES: Readonly<Partial<Record<SshErrorCode, Sentence>>> = {
  "auth-failed": (_, attempt, message) => refusal(attempt, message),
  "auth-cancelled": () => "The login was cancelled.",
  "auth-limit": () => "The host ended the login after too many attempts. Wait a little, then connect again.",
  "auth-timeout": () => "The login took too long. Connect again.",
  aborted: () => "The login was cancelled.",
  "host-key-refused": () =>
    "You refused the key of the host, so nothing was sent to it. Connect again to compare it once more.",
  "host-key-revoked": (where) => `The key of ${where} is marked as stolen. Do not connect; ask the administrator.`,
  "bad-signature": (where) =>
    `${where} could not prove that it has its host key. Somebody may intercept this connection.`,
  "no-common-algorithm": (where) => `${where} offers only outdated encryption. Its SSH server needs an update.`,
  "strict-kex-required": (where) => `${where} offers only outdated encryption. Its SSH server needs an update.`,
  "not-ssh": (where) => `${where} is not an SSH server. Check the port.`,
  "kex-timeout": (where) => `${where} accepts connections but does not answer. Check the port, or try again later.`,
  "connection-failed": () => "The gateway cannot be reached. Check the network, and that the gateway is running.",
  "connect-timeout": () => "The gateway does not answer. Check the network, and that the gateway is running.",
  "gateway-refused": () => "The gateway refused this page. Reload it; if that does not help, see the gateway's log.",
  "connection-lost": () => LOST,
  "keepalive-timeout": () => LOST,
  disconnected: (where) => `${where} ended the connection. Log in again; if it happens at once, see the host's log.`,
  "mac-mismatch": () => ALTERED,
  "packet-length": () => ALTERED,
  "channel-open-failed": (_, { user }) => `The host allows ${user} no terminal. Ask its administrator.`,
  "channel-request-failed": (_, { user }) => `The host allows ${user} no terminal. Ask its administrator.`,
  "key-malformed": () => "This is not a private key. Paste its whole file, with the lines BEGIN and END.",
  "key-unsupported": () => "This kind of private key is not supported. Use an Ed25519, ECDSA or RSA key.",
  "key-weak": () => "This private key is too weak. Use an Ed25519 key, or RSA with at least 2048 bits.",
  "passphrase-needed": () => "This private key is encrypted. Enter its passphrase.",
  "passphrase-wrong": () => "The passphrase is wrong. Enter it again.",
};

/** Returns a sentence about a failed login or session. Errors that the page itself throws are such sentences already. */
export function explain(error: unknown, attempt: Attempt): string {
  const { host, port } = attempt.destination;
  const message = messageOf(error);
  const code = error instanceof SshError ? error.code : undefined;
  const sentence = GATEWAY.get(closeReason(error) ?? "") ?? (code && CODES[code]);
  if (sentence !== undefined) return sentence(`${host} port ${port}`, attempt, message);
  return code === undefined ? message : `The connection failed: ${message}. Connect again.`;
}

/** Returns a sentence about a key that the page could not add on the host. */
export function explainInstall(error: unknown, attempt: Attempt): string {
  const refused: readonly unknown[] = ["channel-open-failed", "channel-request-failed"];
  return error instanceof SshError && refused.includes(error.code)
    ? `The host runs no commands for ${attempt.user}. Copy the line from the login form, and add it to ~/.ssh/authorized_keys there.`
    : explain(error, attempt);
}

const UNREADABLE_KEY =
  "The key that this browser keeps cannot be read. Delete the data of this site in the browser, then make another key.";

/** Problems of the keys that the page makes and keeps, by the code of the error. */
const KEY_CODES: Readonly<Partial<Record<SshErrorCode, string>>> = {
  "file-unreadable":
    "This browser's store of keys does not work for this page. Allow this site to store data, or leave the private window; then reload the page.",
  "file-malformed": UNREADABLE_KEY,
  "key-malformed": UNREADABLE_KEY,
  "not-supported-here": "This browser cannot make such a key. Update it, or log in another way.",
  "auth-cancelled":
    "No passkey was made, because the browser's question was closed or timed out. Try again, or log in another way.",
  "key-unsupported": "SSH cannot use the passkeys of this device. Try a security key or a phone.",
};

/** Problems that the library reports as a wrong call, by the browser's name of its error. */
const KEY_CAUSES: ReadonlyMap<unknown, string> = new Map([
  ["ConstraintError", "Another tab of this page has made a key already. Reload the page to use it."],
  [
    "SecurityError",
    "Passkeys do not work at the IP address of a page. Open this page under a name, such as localhost, or use a browser key.",
  ],
  ["OperationError", "The browser is still asking about a passkey. Answer its question, then try again."],
]);

/** Returns a sentence about a key that the page could not read, make or delete. */
export function explainKey(error: unknown): string {
  const { name } = Object(Object(error).cause) as { readonly name?: unknown };
  const known = error instanceof SshError && (error.code === "usage" ? KEY_CAUSES.get(name) : KEY_CODES[error.code]);
  return known || `This browser could not use the key: ${messageOf(error)}. Reload the page, then try again.`;
}

/** Returns the reason in the gateway's close frame, if the gateway caused the error. */
function closeReason(error: unknown): string | undefined {
  const { reason, cause } = Object(error) as { readonly reason?: unknown; readonly cause?: unknown };
  if (!(error instanceof Error)) return typeof reason === "string" ? reason : undefined;
  return closeReason(cause);
}

/** The library's message tells what the host accepted, and ends with the methods that are left. */
function refusal({ destination, user, method }: Attempt, message: string): string {
  const methods = /it accepts: (.*)$/.exec(message)?.[1] ?? "";
  if (/server.* accepted /.test(message)) return `The host asks ${user} for another proof beside this one: ${methods}.`;
  switch (method) {
    case "password":
      return /password|keyboard-interactive/.test(methods)
        ? `The host refused this password for ${user}. Check both, or log in with a key.`
        : `The host takes no passwords from ${user}. Log in with a key.`;
    case "browser-key":
      return `The host refused the key of this browser for ${user}. Add its line to ~/.ssh/authorized_keys on the host.`;
    case "passkey":
      return destination.verifiesPasskeys
        ? `The host refused this passkey for ${user}. Add its line to ~/.ssh/authorized_keys on the host; it needs OpenSSH 10.3 or later.`
        : "The demo server does not verify passkeys yet. Choose another way to log in.";
    case "key-file":
      return `The host refused this key for ${user}. Add its public half to ~/.ssh/authorized_keys on the host.`;
  }
}
