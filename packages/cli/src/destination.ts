import { usage } from "./options.ts";

/** A host to connect to, as a word of the command line names it. */
export interface Destination {
  readonly user: string | undefined;
  readonly host: string;
  readonly port: number | undefined;
}

/** Reads `[user@]host` or `ssh://[user@]host[:port]`. Throws `usage`. */
export function readDestination(word: string): Destination {
  return checked(word, /^ssh:\/\//i.test(word) ? readUri(word) : readHost(word));
}

/** Reads the value of `-J`: `[user@]host[:port]` or `ssh://[user@]host[:port]`, and more of them after commas. Throws `usage`. */
export function readJumpHosts(text: string): readonly Destination[] {
  return text.split(",").map((word) => checked(word, /^ssh:\/\//i.test(word) ? readUri(word) : readJumpHost(word)));
}

/** A TCP port. Throws `usage`. */
export function readPort(text: string): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value < 1 || value > 65535)
    throw usage(`"${text}" is no port: it is a number from 1 to 65535`);
  return value;
}

function checked(word: string, destination: Destination): Destination {
  if (destination.host === "") throw usage(`"${word}" names no host`);
  if (destination.user === "") throw usage(`"${word}" names an empty user`);
  return destination;
}

/** `[user@]host` */
function readHost(word: string): Destination {
  // A user name may hold an @; a host cannot.
  const at = word.lastIndexOf("@");
  const host = word.slice(at + 1);
  const [, before, port] = /^(\[.*\]|[^:]*):(\d+)$/.exec(host) ?? [];
  if (port !== undefined)
    throw usage(
      `"${word}": a port does not stand behind the host; write -p ${port} ${word.slice(0, at + 1)}${before}, or ssh://${word}`,
    );
  return { user: at < 0 ? undefined : word.slice(0, at), host: withoutBrackets(host), port: undefined };
}

/** `[user@]host[:port]`; an IPv6 address has brackets. */
function readJumpHost(word: string): Destination {
  const at = word.lastIndexOf("@");
  const [, host, port] = /^(\[[^[\]]+\]|[^:[\]]*)(?::([^:]*))?$/.exec(word.slice(at + 1)) ?? [];
  if (host === undefined)
    throw usage(
      `"${word}" is not a jump host: give [user@]host[:port], with an IPv6 address in brackets: [2001:db8::1]:22`,
    );
  return {
    user: at < 0 ? undefined : word.slice(0, at),
    host: withoutBrackets(host),
    port: port === undefined ? undefined : readPort(port),
  };
}

/** `ssh://[user@]host[:port]`, as OpenSSH reads it (ssh(1)): the user may have percent escapes, and an IPv6 address has brackets. */
function readUri(word: string): Destination {
  const { user, host, port } = partsOfUri(word);
  return { user, host, port: port === undefined ? undefined : readPort(port) };
}

function partsOfUri(word: string): {
  readonly user: string | undefined;
  readonly host: string;
  readonly port?: string | undefined;
} {
  const [, user, host, port] = /^ssh:\/\/(?:([^@:;/]*)@)?(\[[^\]/]*\]|[^@:/?#[\]]*)(?::(\d+))?\/?$/i.exec(word) ?? [];
  try {
    // The % before the zone of an IPv6 address is escaped too (RFC 6874).
    if (host !== undefined)
      return {
        user: user && decodeURIComponent(user),
        host: withoutBrackets(host).replace("%25", "%"),
        port,
      };
  } catch {
    // Malformed escapes.
  }
  // The word may hold a password, which is not repeated.
  throw usage("this is no address of a host: it is ssh://[user@]host[:port], without a password and without a path");
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}
