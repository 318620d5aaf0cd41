import { checkLimit, escapeText, MAX_MILLISECONDS, SshError } from "@nacre/wire";
import {
  checkNames,
  type Forwarding,
  type ForwardTarget,
  formatTarget,
  type ListenAddress,
  parsePlace,
  permitsAddress,
  permitsTarget,
} from "nacre/internal";
import { dialAddresses, dialPath } from "./forward-dial.ts";
import { type GatewayPorts, listenAddresses, listenAtPath } from "./forward-listen.ts";
import { isInternalAddress } from "./internal-address.ts";
import { type Lookup, lookupNames } from "./lookup.ts";
import { TCP_FORWARDING_OPTIONS } from "./option-names.ts";

/** What a server forwards, and to where. A place is `"example.org:80"`, `"[2001:db8::1]:*"`, `"*:443"`, or the path of a Unix socket. */
export interface TcpForwardingOptions {
  /**
   * Places that connections may go to, as sshd's PermitOpen: a host is compared literally with the one that the client asks for. Default
   * `["*:*"]`: all hosts, no Unix socket. `*` never means an address of this machine or of its link (127.0.0.0/8, ::1, 169.254.0.0/16,
   * fe80::/10, 0.0.0.0/8, ::, and these mapped into IPv6): name `"localhost:5432"`, or the address itself. A name is resolved once, and the
   * addresses that were checked are dialled.
   */
  readonly permitOpen?: readonly string[] | undefined;
  /**
   * Places that may be listened at, as sshd's PermitListen: a host is a pattern with `*` and `?`, and a port alone means every host. Default
   * `["*"]`: every port, no Unix socket.
   */
  readonly permitListen?: readonly string[] | undefined;
  /**
   * Which addresses clients may bind, as sshd's GatewayPorts. `"no"`, the default: loopback alone, whatever the client asks for; both families,
   * or the one of `"127.0.0.1"` and `"::1"`. `"yes"`: all addresses, whatever the client asks for. `"clientspecified"`: `""` and `"*"` are all
   * addresses, `"0.0.0.0"` and `"::"` those of one family (on Deno `"::"` is all), `"localhost"` both loopback addresses, and every other host is bound as it is.
   */
  readonly gatewayPorts?: GatewayPorts | undefined;
  /** Milliseconds until a connection must stand, the lookup included. Default 15,000. */
  readonly connectTimeout?: number | undefined;
  /** Resolves a name to IP addresses, preferred first. Default: the system's resolver. */
  readonly lookup?: Lookup | undefined;
}

/**
 * Forwarding over this machine's network, for the option `forwarding` of `listen` and `serve`. Only logins with the permission
 * `portForwarding` have it. Unix sockets that it listens at have mode 0600, and are never made over a file that exists. Throws `usage` for
 * invalid options.
 */
export function tcpForwarding(options: TcpForwardingOptions = {}): Forwarding {
  checkNames(options, TCP_FORWARDING_OPTIONS, "tcpForwarding");
  const { permitOpen = ["*:*"], permitListen = ["*"], gatewayPorts = "no", connectTimeout = 15_000 } = options;
  const { lookup = lookupNames } = options;
  checkPlaces("permitOpen", permitOpen, false);
  checkPlaces("permitListen", permitListen, true);
  if (!["no", "yes", "clientspecified"].includes(gatewayPorts))
    throw new SshError("usage", 'gatewayPorts must be "no", "yes" or "clientspecified"');
  checkLimit("connectTimeout", connectTimeout, { least: 1, most: MAX_MILLISECONDS, unit: "milliseconds" });
  if (typeof lookup !== "function") throw new SshError("usage", "lookup must be a function: async (host) => addresses");
  // rule: named-places
  const named = permitOpen.filter((text) => !text.startsWith("*:"));

  return {
    async connect(target, { signal }) {
      // rule: permit-open
      if (!permitsTarget(permitOpen, target)) throw notNamed("permitOpen", target);
      const settings = { connectTimeout, signal };
      if (target.path !== undefined) return dialPath(target.path, settings);
      return dialAddresses(target, settings, async () => {
        const addresses = await lookup(target.host);
        const permitted = permittedAddresses(named, target, addresses);
        if (permitted.length === 0 && addresses.length > 0) throw internalAddress(target, addresses);
        return permitted;
      });
    },
    async listen(address, { accept }) {
      // rule: permit-listen
      if (!permitsAddress(permitListen, address)) throw notNamed("permitListen", address);
      if (address.path !== undefined) return listenAtPath(address.path, accept);
      return listenAddresses({ host: address.host ?? "localhost", port: address.port }, gatewayPorts, lookup, accept);
    },
  };
}

/** A place that a name or an address stands for. */
interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** The addresses of a host that may be dialled: those of this machine and its link only if `named`, the places without `*`, names them. */
function permittedAddresses(
  named: readonly string[],
  { host, port }: HostAndPort,
  addresses: readonly string[],
): readonly string[] {
  if (host === "localhost" && permitsTarget(named, { host, port })) return addresses;
  // rule: address-after-lookup
  return addresses.filter((address) => !isInternalAddress(address) || permitsTarget(named, { host: address, port }));
}

function internalAddress({ host, port }: HostAndPort, [address = ""]: readonly string[]): SshError {
  const place = escapeText(formatTarget({ host: host === "localhost" ? host : address, port }));
  return new SshError(
    "forward-denied",
    `${escapeText(host)} is ${escapeText(address)}, an address of this machine or its link: to permit it, name "${place}" in permitOpen`,
  );
}

function checkPlaces(option: string, places: unknown, barePort: boolean): asserts places is readonly string[] {
  if (!Array.isArray(places)) throw new SshError("usage", `${option} must be an array of places: ["example.org:80"]`);
  for (const place of places) {
    if (typeof place !== "string" || parsePlace(place, { barePort }) === undefined)
      throw new SshError(
        "usage",
        `${option}: ${escapeText(String(place))} is no place: give "example.org:80", "[::1]:*", "*:443" or the path of a Unix socket`,
      );
  }
}

function notNamed(option: string, place: ForwardTarget | ListenAddress): SshError {
  const { host = "localhost", port, path } = place;
  const text = path ?? formatTarget({ host, port });
  return new SshError("forward-denied", `${option} of tcpForwarding does not name ${escapeText(text)}`);
}
