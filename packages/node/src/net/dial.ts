import { connect, isIP, type Socket } from "node:net";
import { checkLimit, escapeText, MAX_MILLISECONDS, SshError } from "@nacre/wire";
import { abortedError, checkSignal, type Duplex, onAbort } from "nacre/extend";
import { connectFirst, interleaved } from "./connect-first.ts";
import { type Deadline, startTimer, withDeadline } from "./deadline.ts";
import { cannotBind, dialError, type FailedAttempt, lookupError, notInFamily, timedOut } from "./dial-error.ts";
import { isDenied } from "./failure.ts";
import { sharedReads } from "./read-buffer.ts";
import { socketDuplex } from "./socket-duplex.ts";
import { systemLookup } from "./system-lookup.ts";

/** Options of {@link tcpDuplex}. */
export interface TcpOptions {
  /** Host name or address. If a name has several addresses, they are tried 250 ms apart, with their families in turn (RFC 8305). */
  readonly host: string;
  readonly port: number;
  /** Address family to use: IPv4 (`"inet"`) or IPv6 (`"inet6"`) alone; default `"any"` (ssh_config(5), AddressFamily). */
  readonly addressFamily?: "any" | "inet" | "inet6" | undefined;
  /** Number of times to try all addresses, with pauses of one second (ssh_config(5), ConnectionAttempts); default 1. */
  readonly connectionAttempts?: number | undefined;
  /** Time limit in milliseconds for the lookup of the name and all attempts together; default 15,000 times `connectionAttempts`. */
  readonly connectTimeout?: number | undefined;
  /**
   * Address of this machine to connect from, or a name of it (ssh(1), `-b`); default the system's choice. The host is then connected to in
   * the address families of this one alone. Through jump hosts, the nearest one is connected to from this address.
   */
  readonly localAddress?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Default of `connectTimeout` in milliseconds, for each of the attempts. */
const CONNECT_TIMEOUT = 15_000;

/** Returns the time limit in milliseconds if `connectTimeout` is not set. */
export function defaultTimeout({ connectionAttempts = 1 }: TcpOptions): number {
  return CONNECT_TIMEOUT * connectionAttempts;
}

/** Milliseconds between two attempts, as in ssh. */
const ATTEMPT_PAUSE = 1000;

const FAMILIES = { any: [4, 6], inet: [4], inet6: [6] } as const;

/** Returns whether the error is about the address to connect from. Bun and Deno name another call than `bind`. */
function isFromBind({ syscall, code }: NodeJS.ErrnoException): boolean {
  return syscall === "bind" || code === "EADDRNOTAVAIL" || code === "EINVAL";
}

/**
 * Opens a TCP connection with TCP_NODELAY, as `connect` does, and returns it as a byte connection for `connect` of `nacre`. Rejects with
 * `connect-timeout`, `connection-failed`, `aborted`, or `usage` if the host, port or timeout is invalid; the socket is then closed.
 */
export async function tcpDuplex(options: TcpOptions): Promise<Duplex> {
  // An untyped caller may pass no options.
  const { host, port, connectTimeout, addressFamily, connectionAttempts, localAddress, signal } = { ...options };
  checkHost(host);
  checkPort(port, 1);
  checkConnectTimeout(connectTimeout);
  checkAddressFamily(addressFamily);
  checkConnectionAttempts(connectionAttempts);
  checkLocalAddress(localAddress);
  checkSignal(signal);
  return socketDuplex(await dial(options));
}

/** Returns the connected socket, paused. A listener must consume each "data" chunk before it returns, since the buffer is reused. */
export function dial(options: TcpOptions): Promise<Socket> {
  const { port, connectTimeout = defaultTimeout(options), connectionAttempts = 1, localAddress, signal } = options;
  const where = placeOf(options);
  const failures: FailedAttempt[] = [];
  let sources: readonly string[] | undefined;
  const open = (address: string): Socket => {
    const onread = sharedReads(() => socket);
    // Deno may get a name for the address.
    const source = sources?.find((one) => isIP(address) === 0 || isIP(one) === isIP(address));
    const from = source === undefined ? {} : { localAddress: source, family: isIP(source) };
    const socket = connect({ host: address, port, noDelay: true, onread, ...from }).pause();
    return socket;
  };
  const deadline: Deadline<Socket> = {
    timeout: connectTimeout,
    signal,
    late: () => timedOut(where, `within ${connectTimeout} ms`, failures),
    aborted: (over) => abortedError(`connecting to ${where}`, over),
    discard: (socket) => void socket.destroy(),
  };
  return withDeadline(deadline, async (over) => {
    sources = localAddress === undefined ? undefined : await sourcesOf(localAddress, where);
    let addresses = await addressesOf(options, where, sources);
    for (let attempt = 1; !over.aborted; attempt++) {
      failures.length = 0;
      try {
        const failed = (address: string, cause: NodeJS.ErrnoException): void =>
          void failures.push({ address, cause, isFromBind: localAddress !== undefined && isFromBind(cause) });
        return await connectFirst(addresses, open, over, failed);
      } catch (cause) {
        // Deno may permit a host by its name alone.
        if (isDenied(cause) && !addresses.includes(options.host)) {
          addresses = [options.host];
          continue;
        }
        // Aborted, or an address was not even tried.
        if (failures.length < addresses.length) throw cause;
        if (attempt >= connectionAttempts) throw dialError(where, failures);
        await pause(ATTEMPT_PAUSE, over);
      }
    }
    throw over.reason;
  });
}

/** Resolves after some milliseconds, or when the signal aborts. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    onAbort(signal, () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Returns the addresses of `localAddress`. The first of each family is used. */
async function sourcesOf(localAddress: string, where: string): Promise<readonly string[]> {
  if (isIP(localAddress) !== 0) return [localAddress];
  return systemLookup(localAddress).catch(() => {
    throw cannotBind(where);
  });
}

/** Returns the addresses to connect to, in the order in which they are tried. */
async function addressesOf(
  { host, addressFamily = "any" }: TcpOptions,
  where: string,
  sources: readonly string[] | undefined,
): Promise<readonly string[]> {
  const own = isIP(host);
  const families = FAMILIES[addressFamily].filter(
    (family) => sources === undefined || sources.some((one) => isIP(one) === family),
  );
  const [family = 4] = families;
  if (families.length === 0 || (own !== 0 && !families.some((one) => one === own)))
    throw sources === undefined ? notInFamily(where, addressFamily) : cannotBind(where);
  if (own !== 0) return [host];
  try {
    return interleaved(await systemLookup(host, families.length > 1 ? 0 : family));
  } catch (cause) {
    // workerd has no lookup. It takes a name in place of an address, and looks it up itself.
    if (["ERR_METHOD_NOT_IMPLEMENTED", undefined].includes((cause as NodeJS.ErrnoException).code)) return [host];
    throw lookupError(where, cause as NodeJS.ErrnoException);
  }
}

/** Throws `usage` for an invalid host. */
export function checkHost(host: unknown): void {
  if (typeof host !== "string" || host === "")
    throw new SshError("usage", "`host` is required; pass a host name or address");
  // Not repeated: an address such as "alice:secret@example.org" may contain a password.
  if (!isHostAlone(host))
    throw new SshError(
      "usage",
      "`host` must be a host name or address alone, without brackets; give the port in `port`, and the user in `user`",
    );
}

/** Returns whether this is a host without a port, a user or other parts, and may therefore appear in messages. */
export function isHostAlone(host: unknown): host is string {
  return typeof host === "string" && !MORE_THAN_HOST.test(host);
}

/**
 * Matches hosts with other parts: `name:22`, `[2001:db8::1]:22`, `alice@name` and `ssh://name`. An IPv6 address has at
 * least two colons.
 */
const MORE_THAN_HOST = /^[^:]*:[^:]*$|[[\]@/]/;

/** Throws `usage` if `connectTimeout` is set and not an integer from 1 to `MAX_MILLISECONDS`. */
export function checkConnectTimeout(connectTimeout: number | undefined): void {
  if (connectTimeout === undefined) return;
  checkLimit("connectTimeout", connectTimeout, { least: 1, most: MAX_MILLISECONDS, unit: "milliseconds" });
}

/** Throws `usage` if `addressFamily` is set and not a family. */
export function checkAddressFamily(addressFamily: unknown = "any"): void {
  if (typeof addressFamily !== "string" || !Object.hasOwn(FAMILIES, addressFamily))
    throw new SshError("usage", '`addressFamily` must be "any", "inet" or "inet6"');
}

/** Throws `usage` if `connectionAttempts` is set and not an integer from 1 on. */
export function checkConnectionAttempts(connectionAttempts: unknown = 1): void {
  checkLimit("connectionAttempts", connectionAttempts, { least: 1, most: 0x7fff_ffff, unit: "attempts" });
}

/** Throws `usage` if `localAddress` is set and not an address or name alone. */
export function checkLocalAddress(localAddress: unknown): void {
  if (localAddress !== undefined && (localAddress === "" || !isHostAlone(localAddress)))
    throw new SshError("usage", "`localAddress` must be an IP address or name of this machine");
}

/** Throws `usage` if the value is not a TCP port. A string is rejected too; convert an environment variable to a number. */
export function checkPort(port: unknown, least: 0 | 1): void {
  if (Number.isInteger(port) && (port as number) >= least && (port as number) <= 65535) return;
  const given = typeof port === "string" ? JSON.stringify(port) : String(port);
  throw new SshError("usage", `invalid port ${given}; expected an integer from ${least} to 65535`);
}

/** Returns the name of an endpoint for messages. */
export function placeOf({ host, port }: Pick<TcpOptions, "host" | "port">): string {
  return `${escapeText(host)} port ${String(port)}`;
}

/** Calls `fail` with `connect-timeout` after `connectTimeout` milliseconds. */
export function connectTimer(
  where: string,
  connectTimeout: number | undefined = CONNECT_TIMEOUT,
  fail: (error: SshError) => void,
): NodeJS.Timeout {
  return startTimer(connectTimeout, () => fail(timedOut(where, `within ${connectTimeout} ms`)));
}

/**
 * Idle time in milliseconds before the first TCP keepalive probe: the system's default. Node sets it together with SO_KEEPALIVE and gives
 * up about ten seconds after the first probe. A shorter time would end sessions during brief network failures.
 */
export const TCP_KEEPALIVE_DELAY = 7_200_000;
