import { connect, isIP, type Socket } from "node:net";
import { checkLimit, escapeText, MAX_MILLISECONDS, SshError } from "@nacre/wire";
import { abortedError, checkSignal, type Duplex } from "nacre/extend";
import { socketDuplex } from "./socket-duplex.ts";

/** Options of {@link tcpDuplex}. */
export interface TcpOptions {
  /** Host name or address. If a name has several addresses, they are tried as in RFC 8305 (Happy Eyeballs). */
  readonly host: string;
  readonly port: number;
  /** Timeout for the connection attempt in milliseconds; default 15,000. */
  readonly connectTimeout?: number | undefined;
  /**
   * Address of this machine to connect from (ssh(1), `-b`); default the system's choice. A host name is then looked up in its address
   * family alone. Through jump hosts, the nearest one is connected to from this address.
   */
  readonly localAddress?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

const CONNECT_TIMEOUT = 15_000;

/** Milliseconds, about 24 days: `setTimeout` fires immediately for a longer delay. */
const LONGEST_TIMER = 0x7fff_ffff;

/** Maximum bytes per read: the size of the packet reader's slab. */
const READ_SIZE = 256 * 1024;

/** Read buffer shared by all dialled sockets. One buffer is enough, because each chunk is consumed before the next read. */
let received = new Uint8Array(READ_SIZE);

/** Returns the buffer for the next read. workerd detaches buffers that its streams read into, so a detached buffer is replaced. */
function readBuffer(): Uint8Array {
  if (received.length === 0) received = new Uint8Array(READ_SIZE);
  return received;
}

/**
 * Opens a TCP connection with TCP_NODELAY, as `connect` does, and returns it as a byte connection for `connect` of `nacre`. Rejects with
 * `connect-timeout`, `connection-failed`, `aborted`, or `usage` if the host, port or timeout is invalid; the socket is then closed.
 */
export async function tcpDuplex(options: TcpOptions): Promise<Duplex> {
  // An untyped caller may pass no options.
  const { host, port, connectTimeout, localAddress, signal } = { ...options };
  checkHost(host);
  checkPort(port, 1);
  checkConnectTimeout(connectTimeout);
  checkLocalAddress(localAddress);
  checkSignal(signal);
  return socketDuplex(await dial(options));
}

/** Returns the connected socket, paused. A listener must consume each "data" chunk before it returns, since the buffer is reused. */
export function dial({ host, port, connectTimeout, localAddress, signal }: TcpOptions): Promise<Socket> {
  const where = placeOf({ host, port });
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(aborted(where, signal));
      return;
    }
    if (localAddress !== undefined && isIP(host) !== 0 && isIP(host) !== isIP(localAddress)) {
      reject(cannotBind(where));
      return;
    }
    const onread = {
      // Node reads this property once, workerd before each read.
      get buffer() {
        return readBuffer();
      },
      callback: (length: number, buffer: Uint8Array): boolean => socket.emit("data", buffer.subarray(0, length)),
    };
    const from = localAddress === undefined ? {} : { localAddress, family: isIP(localAddress) };
    const socket = connect({ host, port, noDelay: true, onread, ...from }).pause();
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      socket.off("error", onError);
      socket.off("connect", onConnect);
    };
    const fail = (error: SshError): void => {
      settle();
      socket.on("error", () => {});
      socket.destroy();
      reject(error);
    };
    const onConnect = (): void => {
      settle();
      resolve(socket);
    };
    const onError = (cause: NodeJS.ErrnoException): void =>
      fail(localAddress !== undefined && isFromBind(cause) ? cannotBind(where, cause) : dialError(where, cause));
    const onAbort = (): void => fail(aborted(where, signal!));
    const timer = connectTimer(where, connectTimeout, fail);
    signal?.addEventListener("abort", onAbort);
    socket.on("connect", onConnect);
    socket.on("error", onError);
  });
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

/** Throws `usage` if `localAddress` is set and not an IP address. */
export function checkLocalAddress(localAddress: unknown): void {
  if (localAddress !== undefined && (typeof localAddress !== "string" || isIP(localAddress) === 0))
    throw new SshError("usage", "`localAddress` must be an IP address of this machine");
}

/** Throws `usage` if the value is not a TCP port. A string is rejected too; convert an environment variable to a number. */
export function checkPort(port: unknown, least: 0 | 1): void {
  if (Number.isInteger(port) && (port as number) >= least && (port as number) <= 65535) return;
  const given = typeof port === "string" ? JSON.stringify(port) : String(port);
  throw new SshError("usage", `invalid port ${given}; expected an integer from ${least} to 65535`);
}

/** Returns whether the error is about the address to connect from. Bun and Deno name another call than `bind`. */
function isFromBind({ syscall, code }: NodeJS.ErrnoException): boolean {
  return syscall === "bind" || code === "EADDRNOTAVAIL" || code === "EINVAL";
}

function cannotBind(where: string, cause?: unknown): SshError {
  const reason = "cannot connect from `localAddress`; it must be an address of this machine and of the host's family";
  return failed(where, reason, cause);
}

function dialError(where: string, cause: NodeJS.ErrnoException): SshError {
  // Each address has its own error; report that of the first address tried.
  const first = cause instanceof AggregateError ? (cause.errors[0] as NodeJS.ErrnoException) : cause;
  switch (cause.code ?? first.code ?? "") {
    case "ECONNREFUSED":
      return failed(where, "connection refused; check that an SSH server listens on this port", cause);
    case "ENOTFOUND":
      return failed(where, "host name not found", cause);
    case "EAI_AGAIN":
      return failed(where, "host name lookup failed; check the network connection", cause);
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EADDRNOTAVAIL":
      return failed(where, "no route to host", cause);
    case "ETIMEDOUT":
      return timedOut(where, "within the system's timeout", cause);
    default:
      return failed(where, escapeText(first.message), cause);
  }
}

function failed(where: string, reason: string, cause?: unknown): SshError {
  return new SshError("connection-failed", `cannot connect to ${where}: ${reason}`, { cause });
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
  const wait = Math.min(connectTimeout, LONGEST_TIMER);
  return setTimeout(() => fail(timedOut(where, `within ${connectTimeout} ms`)), wait);
}

function timedOut(where: string, when: string, cause?: unknown): SshError {
  return new SshError("connect-timeout", `cannot connect to ${where}: no answer ${when}`, { cause });
}

function aborted(where: string, signal: AbortSignal): SshError {
  return abortedError(`connecting to ${where}`, signal);
}

/**
 * Idle time in milliseconds before the first TCP keepalive probe: the system's default. Node sets it together with SO_KEEPALIVE and gives
 * up about ten seconds after the first probe. A shorter time would end sessions during brief network failures.
 */
export const TCP_KEEPALIVE_DELAY = 7_200_000;
