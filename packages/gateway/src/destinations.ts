import { addressMatcher, addressScope, parseAddress } from "@nacre/keyfiles/internal";
import { escapeText, SshError } from "@nacre/wire";
import { type Lookup, type LookupRequest, Lookups } from "./lookups.ts";

/** Destination of a connection. */
export interface Target {
  /** Host in the form that `normalizeHost` returns. */
  readonly host: string;
  readonly port: number;
}

interface Entry {
  /** Normalized host, or `"*"` for every host. */
  readonly host: string;
  readonly port: number | "*";
  /** Returns whether the entry names a network that contains this address. */
  readonly permitsAddress: (address: string) => boolean;
}

/** Checks destinations against `allow`, and resolves their names. */
export class Destinations {
  readonly #entries: readonly Entry[];
  readonly #lookups: Lookups;
  /** Lookups that a name leaves to others, unless `allow` lists it. */
  readonly #room: number;

  /** Throws `usage` for an invalid entry. */
  constructor(allow: readonly string[], lookup?: Lookup) {
    this.#entries = allow.map((text) => parseEntry(text));
    this.#lookups = new Lookups(lookup);
    const listsNames = this.#entries.some(({ host }) => host !== "*" && parseAddress(host) === undefined);
    this.#room = listsNames ? this.#lookups.room : 0;
  }

  /** Returns the normalized destination. Throws `forward-denied` if it is invalid or `allow` does not match it. */
  target(host: string, port: number): Target {
    const name = normalizeHost(host);
    // rule: destination-port
    if (!isPort(port)) throw new SshError("forward-denied", `port ${port} is invalid: give 1 to 65535`);
    // rule: destination-allowed
    if (name === undefined || this.#matching({ host: name, port }).length === 0)
      throw new SshError(
        "forward-denied",
        `${escapeText(host.slice(0, 255))}:${port} is not allowed: name it in \`allow\``,
      );
    return { host: name, port };
  }

  /**
   * Resolves to the permitted addresses of a destination. Rejects with `forward-denied` if no address is permitted, or with
   * `forward-unreachable` if the lookup fails, finds no address, or too many names of the client wait.
   */
  async resolve(target: Target, request: LookupRequest): Promise<readonly string[]> {
    const { host } = target;
    const entries = this.#matching(target);
    const leaves = entries.some((entry) => entry.host === host) ? 0 : this.#room;
    const addresses = parseAddress(host) === undefined ? await this.#lookups.resolve(host, request, leaves) : [host];
    // rule: destination-address
    const permitted = addresses.filter((address) => isPermitted(target, entries, address));
    if (permitted.length > 0) return permitted;
    const [address = "nothing"] = addresses;
    throw new SshError(
      addresses.length > 0 ? "forward-denied" : "forward-unreachable",
      `${host} is ${escapeText(address)} (${addressScope(address) ?? "no address"}): to allow it, name its network: "${host}:${target.port}=${escapeText(address)}"`,
    );
  }

  #matching({ host, port }: Target): Entry[] {
    return this.#entries.filter((entry) => [host, "*"].includes(entry.host) && [port, "*"].includes(entry.port));
  }
}

function isPermitted({ host }: Target, entries: readonly Entry[], address: string): boolean {
  const scope = addressScope(address);
  // rule: destination-zone
  if (scope === undefined || address.includes("%")) return false;
  if (scope === "global" || entries.some((entry) => entry.permitsAddress(address))) return true;
  // An entry that names an IP address or `localhost` permits it without a network; a pattern does not.
  const isNamed = entries.some((entry) => entry.host === host);
  return isNamed && (parseAddress(host) !== undefined || (host === "localhost" && scope === "machine"));
}

/**
 * Returns a host in its canonical form: a name in lower case without a trailing dot, or an IP address in its shortest spelling. Returns
 * `undefined` for other text, such as other spellings of addresses (`127.1`, `0x7f.1`, `2130706433`), zones and brackets.
 */
export function normalizeHost(host: string): string | undefined {
  const bytes = parseAddress(host);
  if (bytes?.length === 4) return host;
  // The URL parser writes IPv6 addresses in the form of RFC 5952.
  if (bytes !== undefined) return new URL(`http://[${host}]/`).hostname.slice(1, -1);
  const name = host.toLowerCase().replace(/\.$/, "");
  if (name.length > 253 || !/^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.(?!$)|$))+$/.test(name)) return undefined;
  // rule: spelled-address
  if (/(?:^|\.)(?:\d+|0x[\da-f]*)$/.test(name)) return undefined;
  return name;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

const PLACE = /^(?:\[(?<address>[^\]]+)\]|(?<name>[^:[\]]+)):(?<port>\d{1,5}|\*)$/;

function parseEntry(text: string): Entry {
  const [place = "", networks] = text.split("=");
  const { address, name = address ?? "", port = "" } = PLACE.exec(place)?.groups ?? {};
  const host = name === "*" ? "*" : normalizeHost(name);
  const number = port === "*" ? port : Number(port);
  if (host === undefined || (number !== "*" && !isPort(number)))
    throw new SshError(
      "usage",
      `allow: "${escapeText(text)}" is not a destination: give "example.org:22", "[2001:db8::1]:22" or "host:22=10.0.0.0/8"`,
    );
  const permitsAddress = networks === undefined ? () => false : addressMatcher("allow", networks.split(","));
  return { host, port: number, permitsAddress };
}

/** Parses `host:port` or `[address]:port`. Throws `usage`, with the name of `option`, if the text is invalid. */
export function parseTarget(option: string, text: string): Target {
  const { address, name = address ?? "", port = "" } = PLACE.exec(text)?.groups ?? {};
  const host = normalizeHost(name);
  if (host === undefined || !isPort(Number(port)))
    throw new SshError("usage", `${option}: "${escapeText(text)}" is not a destination: give "example.org:22"`);
  return { host, port: Number(port) };
}
