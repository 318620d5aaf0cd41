import type { ListenAddress } from "./remote-listener.ts";
import type { ForwardTarget } from "./target.ts";

/**
 * A place of `permitOpen` or `permitListen`: `"example.org:80"`, `"[2001:db8::1]:*"`, `"*:443"`, the absolute path of a Unix socket, and in
 * `permitListen` a port alone.
 */
export type Place =
  | {
      /** Name or address as a client must write it; `"*"` for every one. Brackets of an IPv6 address are removed. */
      readonly host: string;
      /** `undefined` for every port. */
      readonly port: number | undefined;
      readonly path?: undefined;
    }
  | { readonly path: string };

/** Reads a place. Returns `undefined` for an invalid one. `barePort`: a port alone means every host, as in `permitlisten=`. */
export function parsePlace(text: string, { barePort }: { readonly barePort: boolean }): Place | undefined {
  if (text.startsWith("/")) return text.includes("\0") ? undefined : { path: text };
  const [, brackets, name, portText] = /^(?:(?:\[([^[\]]+)\]|([^[\]:]+)):)?(\*|\d{1,5})$/.exec(text) ?? [];
  const host = brackets ?? name ?? (barePort ? "*" : undefined);
  if (host === undefined || portText === undefined || Number(portText) > 65_535) return undefined;
  return { host, port: portText === "*" ? undefined : Number(portText) };
}

/**
 * Whether a list permits connecting to `target`, as sshd's PermitOpen and `permitopen=` do: a host is compared literally with the one that
 * was requested, and is not looked up. An invalid place permits nothing. Deviates from sshd, where such lists do not concern Unix sockets:
 * here a list must name the path.
 */
export function permitsTarget(list: readonly string[], target: ForwardTarget): boolean {
  return placesOf(list, false).some((place) => {
    if (place.path !== undefined || target.path !== undefined) return place.path === target.path;
    return isPort(place.port, target.port) && (place.host === "*" || place.host === target.host);
  });
}

/**
 * Whether a list permits listening at `address`, as sshd's PermitListen and `permitlisten=` do: the host is a pattern with `*` and `?` that
 * the requested one must match in any case of letters; `"localhost"` and `"127.0.0.1"` are different. An invalid place permits nothing.
 * A Unix socket must be named, as in `permitsTarget`.
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

/** Whether a name matches a pattern (ssh_config(5), PATTERNS), in time proportional to the product of their lengths. */
function matches(name: string, pattern: string): boolean {
  // For each length: whether the pattern read so far matches that much of the name.
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
