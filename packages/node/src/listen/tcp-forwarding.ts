import { networkOf } from "@nacre/keyfiles/internal";
import { escapeText, SshError } from "@nacre/wire";
import {
  checkOptions,
  type ForwardContext,
  type Forwarding,
  type ForwardTarget,
  formatTarget,
  type ListenAddress,
  loginId,
  type OptionRows,
  parsePlace,
  permitsAddress,
  permitsTarget,
} from "nacre/extend";
import type { GatewayPorts } from "../forward/forward-listen.ts";
import { checkConnectTimeout } from "../net/dial.ts";
import {
  type AddressPlace,
  addressPlace,
  type Lookup,
  LookupQueue,
  lookupWithin,
  ownAddresses,
  SYSTEM_LOOKUPS,
} from "../net/lookup.ts";

/**
 * Settings for forwarding. A place is `"example.org:80"`, `"[2001:db8::1]:*"`, `"*:443"`, or the path of a Unix socket. On Windows it is a
 * named pipe.
 */
export interface TcpForwardingOptions {
  /**
   * Permitted destinations, like sshd's PermitOpen. A host is compared literally with the requested host. Default `["*:*"]`: all hosts, no
   * Unix sockets. `*` never matches an address of this machine or its link: 127.0.0.0/8, ::1, 169.254.0.0/16, fe80::/10, 0.0.0.0/8, ::,
   * those of its interfaces, or their IPv4-mapped forms. To permit one, list `"localhost:5432"` or the address. A name is resolved only
   * once, and only checked addresses are dialled.
   */
  readonly permitOpen?: readonly string[] | undefined;
  /**
   * Whether `*` in `permitOpen` includes this machine: loopback and the addresses of its interfaces, but not those of its link. Default
   * false. Its services may trust connections from this machine, so set it only for logins that may run commands here anyway.
   */
  readonly permitThisMachine?: boolean | undefined;
  /**
   * Permitted listening addresses, like sshd's PermitListen. A host is a pattern with `*` and `?`; a port alone means every host. Default
   * `["*"]`: every port, no Unix sockets.
   */
  readonly permitListen?: readonly string[] | undefined;
  /**
   * Addresses that clients may bind, like sshd's GatewayPorts. `"no"`, the default, binds only loopback addresses: the requested one of
   * `"127.0.0.1"` and `"::1"`, otherwise both. `"yes"` binds all addresses and ignores the requested host. `"clientspecified"` binds the
   * requested host: `""` and `"*"` mean all addresses, `"0.0.0.0"` and `"::"` all of one family (on Deno `"::"` means both), `"localhost"`
   * both loopback addresses.
   */
  readonly gatewayPorts?: GatewayPorts | undefined;
  /** Timeout for connecting, including the lookup, and for each call of `lookup`, in milliseconds; default 15,000. */
  readonly connectTimeout?: number | undefined;
  /**
   * Function that resolves a name to IP addresses, preferred first; default the system's resolver. At most 64 calls run at a time, and two
   * lookups by the system. A call that has not settled within `connectTimeout` is given up and makes room for another. Names wait in line,
   * and a login has at most half of what others leave. If `permitOpen` lists host names, half of the lookups are kept free for these.
   */
  readonly lookup?: Lookup | undefined;
}

const DEFAULTS = {
  permitOpen: ["*:*"],
  permitThisMachine: false,
  permitListen: ["*"],
  gatewayPorts: "no",
  connectTimeout: 15_000,
} as const;

export const TCP_FORWARDING_OPTIONS: OptionRows<TcpForwardingOptions> = {
  permitOpen: {
    check: (places = DEFAULTS.permitOpen) => checkPlaces("permitOpen", places, false),
    default: DEFAULTS.permitOpen,
  },
  permitThisMachine: { type: "boolean", default: DEFAULTS.permitThisMachine },
  permitListen: {
    check: (places = DEFAULTS.permitListen) => checkPlaces("permitListen", places, true),
    default: DEFAULTS.permitListen,
  },
  gatewayPorts: { type: ["no", "yes", "clientspecified"], default: DEFAULTS.gatewayPorts },
  connectTimeout: { check: checkConnectTimeout, default: DEFAULTS.connectTimeout },
  lookup: "function",
};

/** Maximum number of concurrent calls of the option `lookup`. */
const MAX_LOOKUPS = 64;

/**
 * Returns forwarding over this machine's network, for the `forwarding` option of `listen` and `serve`. Only logins with the
 * `portForwarding` permission can use it. Its Unix sockets have mode 0600 and never replace an existing file. Throws `usage` for invalid
 * options.
 */
export function tcpForwarding(options: TcpForwardingOptions = {}): Forwarding {
  checkOptions(options, TCP_FORWARDING_OPTIONS, "`tcpForwarding`");
  const {
    permitOpen = DEFAULTS.permitOpen,
    permitThisMachine = DEFAULTS.permitThisMachine,
    permitListen = DEFAULTS.permitListen,
    gatewayPorts = DEFAULTS.gatewayPorts,
    connectTimeout = DEFAULTS.connectTimeout,
    lookup,
  } = options;
  // rule: named-places
  const named = permitOpen.filter((text) => !/^(?:\*|\[\*\]):/.test(text));
  const always: readonly AddressPlace[] = permitThisMachine ? ["machine", "elsewhere"] : ["elsewhere"];
  const lookups =
    lookup === undefined ? SYSTEM_LOOKUPS : new LookupQueue(lookupWithin(connectTimeout, lookup), MAX_LOOKUPS);
  // A host name has a letter; an IPv6 address is in brackets.
  const leaves = named.some((place) => /^[^/[]*[a-z]/i.test(place)) ? lookups.room : 0;

  return {
    async connect(target, context) {
      // rule: permit-open
      if (!permitsTarget(permitOpen, target)) throw notNamed("permitOpen", target);
      const settings = { connectTimeout, signal: context.signal };
      // Loaded on demand, as below: clients import this module too.
      const { dialAddresses, dialPath } = await import("../forward/forward-dial.ts");
      if (target.path !== undefined) return dialPath(target.path, settings);
      return dialAddresses(target, settings, async (signal) => {
        const request = { users: usersOf(context), leaves: permitsTarget(named, target) ? 0 : leaves, signal };
        const addresses = await lookups.lookup(target.host, request);
        const permitted = permittedAddresses({ always, named }, target, addresses);
        if (permitted.length === 0 && addresses.length > 0) throw internalAddress(target, addresses);
        return permitted;
      });
    },
    async listen(address, context) {
      // rule: permit-listen
      if (!permitsAddress(permitListen, address)) throw notNamed("permitListen", address);
      const { listenAddresses, listenAtPath } = await import("../forward/forward-listen.ts");
      if (address.path !== undefined) return listenAtPath(address.path, context.accept);
      const { host = "localhost", port } = address;
      const request = { users: usersOf(context), leaves, signal: context.signal };
      const resolve: Lookup = (name) => lookups.lookup(name, request);
      return listenAddresses({ host, port }, gatewayPorts, resolve, context.accept);
    },
  };
}

/** Returns the users on whose behalf a client's names are looked up: its login and its network. */
function usersOf({ user, factors, remoteAddress = "" }: ForwardContext): readonly string[] {
  return [loginId(user, factors), networkOf(remoteAddress, { ipv4: 32, ipv6: 64 }) ?? ""];
}

/** A host name or address, and a port. */
interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/**
 * Returns the addresses of a host that may be dialled. Those not at a place of `always` must be listed in `named`, the
 * places without `*`.
 */
function permittedAddresses(
  { always, named }: { readonly always: readonly AddressPlace[]; readonly named: readonly string[] },
  { host, port }: HostAndPort,
  addresses: readonly string[],
): readonly string[] {
  if (host === "localhost" && permitsTarget(named, { host, port })) return addresses;
  const own = ownAddresses();
  // rule: address-after-lookup
  return addresses.filter(
    (address) => always.includes(addressPlace(address, own)) || permitsTarget(named, { host: address, port }),
  );
}

function internalAddress({ host, port }: HostAndPort, [address = ""]: readonly string[]): SshError {
  const place = escapeText(formatTarget({ host: host === "localhost" ? host : address, port }));
  return new SshError(
    "forward-denied",
    `${escapeText(host)} is ${escapeText(address)}, an address of this machine or its link; to permit it, add "${place}" to \`permitOpen\``,
  );
}

function checkPlaces(option: string, places: unknown, barePort: boolean): void {
  if (!Array.isArray(places))
    throw new SshError("usage", `\`${option}\` must be an array of places, such as ["example.org:80"]`);
  for (const place of places) {
    if (typeof place !== "string" || parsePlace(place, { barePort }) === undefined)
      throw new SshError(
        "usage",
        `invalid place ${escapeText(String(place))} in \`${option}\`; expected "example.org:80", "[::1]:*", "*:443" or the path of a Unix socket`,
      );
  }
}

function notNamed(option: string, place: ForwardTarget | ListenAddress): SshError {
  const { host = "localhost", port, path } = place;
  const text = path ?? formatTarget({ host, port });
  return new SshError("forward-denied", `\`${option}\` of \`tcpForwarding\` does not permit ${escapeText(text)}`);
}
