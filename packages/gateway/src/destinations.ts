import { lookup as systemLookup } from "node:dns/promises";
import { addressMatcher, addressScope, parseAddress } from "@nacre/keyfiles/internal";
import { escapeText, SshError } from "@nacre/wire";

/** Resolves a name to IP addresses, preferred first. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** Where a connection goes. */
export interface Target {
  /** As `normalizeHost` returns it. */
  readonly host: string;
  readonly port: number;
}

interface Entry {
  /** `"*"` for every host. */
  readonly host: string;
  readonly port: number | "*";
  /** Whether an address that is not public may be dialled. */
  readonly permitsAddress: (address: string) => boolean;
}

/** Lookups of different names at once: each may hold one of Node's threads for long. */
const MAX_LOOKUPS = 64;

/** The destinations that a gateway allows. */
export class Destinations {
  readonly #entries: readonly Entry[];
  readonly #lookup: Lookup;
  readonly #lookups = new Map<string, Promise<readonly string[]>>();

  /** Throws `usage` for an invalid entry. */
  constructor(allow: readonly string[], lookup: Lookup = lookupNames) {
    this.#entries = allow.map((text) => parseEntry(text));
    this.#lookup = lookup;
  }

  /** Returns the destination that a client names. Throws `forward-denied` if it is not allowed. */
  target(host: string, port: number): Target {
    const name = normalizeHost(host);
    // rule: destination-allowed
    if (name === undefined || this.#matching({ host: name, port }).length === 0)
      throw new SshError(
        "forward-denied",
        `${escapeText(host.slice(0, 255))}:${port} is not allowed: name it in \`allow\``,
      );
    return { host: name, port };
  }

  /** Returns the addresses of a destination that may be dialled. Rejects with `forward-denied` and `forward-unreachable`. */
  async resolve(target: Target): Promise<readonly string[]> {
    const { host } = target;
    const addresses = parseAddress(host) === undefined ? await this.#resolveOnce(host) : [host];
    const entries = this.#matching(target);
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

  async #resolveOnce(host: string): Promise<readonly string[]> {
    const running = this.#lookups.get(host);
    if (running !== undefined) return running;
    // rule: lookups-bounded
    if (this.#lookups.size >= MAX_LOOKUPS)
      throw new SshError("forward-unreachable", `${MAX_LOOKUPS} names are being looked up; try again later`);
    const lookup = this.#lookup(host)
      .catch((cause: unknown) => {
        throw new SshError("forward-unreachable", `${host} cannot be looked up`, { cause });
      })
      .finally(() => this.#lookups.delete(host));
    this.#lookups.set(host, lookup);
    return lookup;
  }
}

const lookupNames: Lookup = async (host) => {
  const found = await systemLookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
};

function isPermitted({ host }: Target, entries: readonly Entry[], address: string): boolean {
  const scope = addressScope(address);
  // rule: destination-zone
  if (scope === undefined || address.includes("%")) return false;
  if (scope === "global" || entries.some((entry) => entry.permitsAddress(address))) return true;
  // An address, or this machine by its own name, counts as named where the entry is not a pattern.
  const isNamed = entries.some((entry) => entry.host === host);
  return isNamed && (parseAddress(host) !== undefined || (host === "localhost" && scope === "machine"));
}

/**
 * Returns a host in the one form that is compared: a name in lower case without the last dot, or an address in its shortest spelling.
 * `undefined` for anything else, such as other spellings of addresses (`127.1`, `0x7f.1`, `2130706433`), zones and brackets.
 */
export function normalizeHost(host: string): string | undefined {
  const bytes = parseAddress(host);
  if (bytes?.length === 4) return host;
  // The URL parser writes an IPv6 address as RFC 5952 says.
  if (bytes !== undefined) return new URL(`http://[${host}]/`).hostname.slice(1, -1);
  const name = host.toLowerCase().replace(/\.$/, "");
  if (name.length > 253 || !/^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.(?!$)|$))+$/.test(name)) return undefined;
  // rule: spelled-address
  if (/(?:^|\.)(?:\d+|0x[\da-f]*)$/.test(name)) return undefined;
  return name;
}

const PLACE = /^(?:\[(?<address>[^\]]+)\]|(?<name>[^:[\]]+)):(?<port>\d{1,5}|\*)$/;

function parseEntry(text: string): Entry {
  const [place = "", networks] = text.split("=");
  const { address, name = address ?? "", port = "" } = PLACE.exec(place)?.groups ?? {};
  const host = name === "*" ? "*" : normalizeHost(name);
  const number = port === "*" ? port : Number(port);
  if (host === undefined || (number !== "*" && (number < 1 || number > 65_535)))
    throw new SshError(
      "usage",
      `allow: "${escapeText(text)}" is not a destination: give "example.org:22", "[2001:db8::1]:22" or "host:22=10.0.0.0/8"`,
    );
  const permitsAddress = networks === undefined ? () => false : addressMatcher("allow", networks.split(","));
  return { host, port: number, permitsAddress };
}

/** Reads `host:port` or `[address]:port`. Throws `usage`, which names `option`. */
export function parseTarget(option: string, text: string): Target {
  const { address, name = address ?? "", port = "" } = PLACE.exec(text)?.groups ?? {};
  const host = normalizeHost(name);
  if (host === undefined || port === "*" || Number(port) < 1 || Number(port) > 65_535)
    throw new SshError("usage", `${option}: "${escapeText(text)}" is not a destination: give "example.org:22"`);
  return { host, port: Number(port) };
}
