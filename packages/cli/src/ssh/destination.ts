import type { CommandLineSetting } from "@nacre/config";
import { sshUsage, usage } from "../options.ts";

/** Host to connect to, parsed from one word of the command line. */
export interface Destination {
  /** User to log in as; `undefined` for the user of this machine. */
  readonly user: string | undefined;
  /** Host name or address. */
  readonly host: string;
  /** TCP port; `undefined` for 22. */
  readonly port: number | undefined;
}

/** Parses `[user@]host` or `ssh://[user@]host[:port]`. Throws `usage` if it is invalid. */
export function readDestination(word: string): Destination {
  return checked(word, /^ssh:\/\//i.test(word) ? readUri(word) : readHost(word));
}

/** Parses `[user@]host`, with an IPv6 address in brackets or not. Throws `usage` if it is invalid. */
export function readHostName(word: string): Destination {
  return checked(word, readHost(word));
}

/** A destination, and the path after it. */
export interface UriPlace extends Destination {
  /** Path after the slash, still percent-encoded; `undefined` without a slash. */
  readonly path: string | undefined;
}

/**
 * Parses an address `SCHEME://[user@]host[:port][/path]` with the scheme `ssh`, `sftp` or `scp`. Returns `undefined` for a word without one
 * of these schemes. Throws `usage` if the rest of the address is invalid.
 */
export function readUriPlace(word: string): UriPlace | undefined {
  const [, scheme, authority = "", path] = /^(ssh|sftp|scp):\/\/([^/]*)(?:\/(.*))?$/is.exec(word) ?? [];
  if (scheme === undefined) return undefined;
  return { ...checked(`${scheme}://…`, readUri(`ssh://${authority}`, scheme, "[/path], without a password")), path };
}

/** Returns the settings that a destination stands for. An address `ssh://host` names the user of this machine. */
export function destinationSettings({ user, port }: Destination, isUri = false): readonly CommandLineSetting[] {
  return [
    ...(user === undefined && !isUri ? [] : [{ option: "-l", text: user ?? "" } as const]),
    ...(port === undefined ? [] : [{ text: `Port ${port}` }]),
  ];
}

/** Parses a TCP port, 1 to 65535. Throws `usage` if it is invalid. */
export function readPort(text: string): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value < 1 || value > 65535)
    throw sshUsage(`Bad port '${text}'`, `invalid port "${text}"; expected an integer from 1 to 65535`);
  return value;
}

/**
 * Throws `usage` for an empty user name in `word`, and for characters with which a shell would run a command: ProxyCommand and `Match exec`
 * pass the name to one (CVE-2023-51385, CVE-2025-61984).
 */
function checkUserName(name: string, word: string): void {
  if (name === "") throw usage(`empty user name in "${word}"`);
  // rule: typed-user
  if (/[\p{Cc}'`";&<>|(){}$\\]|^-|\s-/u.test(name)) throw sshUsage("remote username contains invalid characters");
}

/** Throws `usage` for a typed host with a blank, or with a character that `checkUserName` refuses. */
function checkHostName(host: string, word: string): void {
  if (host === "") throw usage(`missing host in "${word}"`);
  // rule: typed-host
  if (/[\p{Cc}\s'`"$\\;&<>|(){},]|^-/u.test(host)) throw sshUsage("hostname contains invalid characters");
}

function checked(word: string, destination: Destination): Destination {
  checkHostName(destination.host, word);
  if (destination.user !== undefined) checkUserName(destination.user, word);
  return destination;
}

/** Parses `[user@]host`. */
function readHost(word: string): Destination {
  // A user name may contain @; a host name cannot.
  const at = word.lastIndexOf("@");
  const host = word.slice(at + 1);
  const [, before, port] = /^(\[.*\]|[^:]*):(\d+)$/.exec(host) ?? [];
  if (port !== undefined)
    throw usage(`unexpected port in "${word}"; write -p ${port} ${word.slice(0, at + 1)}${before}, or ssh://${word}`);
  return { user: at < 0 ? undefined : word.slice(0, at), host: withoutBrackets(host), port: undefined };
}

/**
 * Parses `ssh://[user[;parameter]@]host[:port]` as ssh(1) does: the user may be percent-encoded, parameters are ignored, and an IPv6
 * address is in brackets.
 */
function readUri(word: string, scheme = "ssh", tail = ", without a password or a path"): Destination {
  const { user, host, port } = partsOfUri(word, scheme, tail);
  return { user, host, port: port === undefined ? undefined : readPort(port) };
}

function partsOfUri(
  word: string,
  scheme: string,
  tail: string,
): {
  readonly user: string | undefined;
  readonly host: string;
  readonly port?: string | undefined;
} {
  const [, user, host, port] =
    /^ssh:\/\/(?:([^@:;/]*)(?:;[^@/]*)?@)?(\[[^\]/]*\]|[^@:/?#[\]]*)(?::(\d+))?\/?$/i.exec(word) ?? [];
  try {
    // The % before an IPv6 zone is percent-encoded too (RFC 6874).
    if (host !== undefined)
      return {
        user: user && decodeURIComponent(user),
        host: withoutBrackets(host).replace("%25", "%"),
        port,
      };
  } catch {
    // Invalid percent-encoding: report it below.
  }
  // Do not repeat the word in the message: it may contain a password.
  throw usage(`invalid ${scheme}:// address; expected ${scheme}://[user@]host[:port]${tail}`);
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}
