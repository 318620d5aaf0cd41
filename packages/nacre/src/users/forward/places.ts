import type { ListenAddress } from "./remote-listener.ts";
import type { ForwardTarget } from "./target.ts";

/**
 * An entry of `permitOpen` or `permitListen`: `"example.org:80"`, `"[2001:db8::1]:*"`, `"*:443"`, or the absolute path of a Unix socket
 * or of a named pipe of Windows. `permitListen` also allows a port alone.
 */
export type Place =
  | {
      /** Host name or address as the client must write it, without brackets; `"*"` for all hosts. */
      readonly host: string;
      /** Port; `undefined` for all ports. */
      readonly port: number | undefined;
      readonly path?: undefined;
    }
  | { readonly path: string };

/** The path of a Unix socket, or of a named pipe of Windows: `\\.\pipe\name`. */
const SOCKET_PATH = /^(?:\/|\\\\[.?]\\pipe\\)/i;

/** Parses an entry. Returns `undefined` if it is invalid. With `barePort`, a port alone means all hosts, as in `permitlisten=`. */
export function parsePlace(text: string, { barePort }: { readonly barePort: boolean }): Place | undefined {
  if (SOCKET_PATH.test(text)) return text.includes("\0") ? undefined : { path: text };
  const [, brackets, name, portText] = /^(?:(?:\[([^[\]]+)\]|([^[\]:]+)):)?(\*|\d{1,5})$/.exec(text) ?? [];
  const host = brackets ?? name ?? (barePort ? "*" : undefined);
  if (host === undefined || portText === undefined || Number(portText) > 65_535) return undefined;
  return { host, port: portText === "*" ? undefined : Number(portText) };
}

/**
 * Returns whether a list permits connecting to `target`, as sshd's PermitOpen and `permitopen=` do. The host is compared literally with the
 * requested one and not resolved. Invalid entries permit nothing. Unlike with sshd, a list also restricts Unix sockets: it must name their
 * path.
 */
export function permitsTarget(list: readonly string[], target: ForwardTarget): boolean {
  return placesOf(list, false).some((place) => {
    if (place.path !== undefined || target.path !== undefined) return place.path === target.path;
    return isPort(place.port, target.port) && (place.host === "*" || place.host === target.host);
  });
}

/**
 * Returns whether a list permits listening at `address`, as sshd's PermitListen and `permitlisten=` do. The entry's host is a pattern with
 * `*` and `?`, matched case-insensitively against the requested host; `"localhost"` and `"127.0.0.1"` differ. Invalid entries permit
 * nothing. Unix sockets must be named, as in `permitsTarget`.
 */
export function permitsAddress(list: readonly string[], address: ListenAddress): boolean {
  return placesOf(list, true).some((place) => {
    if (place.path !== undefined || address.path !== undefined) return place.path === address.path;
    const { host = "localhost", port } = address;
    return isPort(place.port, port) && matches(host.toLowerCase(), place.host.toLowerCase());
  });
}

function placesOf(list: readonly string[], barePort: boolean): readonly Place[] {
  return list.map((text) => parsePlace(text, { barePort })).filter((place) => place !== undefined);
}

const isPort = (permitted: number | undefined, port: number): boolean => permitted === undefined || permitted === port;

/** Returns whether a name matches a pattern (ssh_config(5), PATTERNS), in time proportional to the product of their lengths. */
function matches(name: string, pattern: string): boolean {
  // `matched[n]`: whether the pattern read so far matches the first n characters of the name.
  let matched = Array.from({ length: name.length + 1 }, (_, length) => length === 0);
  for (const sign of pattern.split("")) {
    const longer = [sign === "*" && matched[0] === true];
    for (let length = 1; length <= name.length; length++) {
      if (sign === "*") longer.push(longer[length - 1] === true || matched[length] === true);
      else longer.push(matched[length - 1] === true && (sign === "?" || sign === name[length - 1]));
    }
    matched = longer;
  }
  return matched[name.length] === true;
}
