import { connect, type Socket } from "node:net";
import { checkLimit, escapeText, MAX_MILLISECONDS, SshError } from "@nacre/wire";
import { checkSignal, type Duplex } from "nacre/internal";
import { socketDuplex } from "./socket-duplex.ts";

/** Where to connect to, and how long to try. */
export interface DialOptions {
  /** Name or address. A name with several addresses is tried by RFC 8305 (Happy Eyeballs). */
  readonly host: string;
  readonly port: number;
  /** Milliseconds until the connection must stand; 15,000 by default. */
  readonly connectTimeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const CONNECT_TIMEOUT = 15_000;

/** Milliseconds, 24 days: `setTimeout` goes off at once for more. */
const LONGEST_TIMER = 0x7fff_ffff;

/** The most that one read returns, in bytes: the size of the packet reader's slab. */
const READ_SIZE = 256 * 1024;

/** What every dialled socket reads into, instead of fresh memory for each read: reading and passing on are one step, so one buffer serves all. */
let received = new Uint8Array(READ_SIZE);

/** The buffer for the next read. A runtime whose streams take the buffers that they read into (workerd) has detached the last one. */
function readBuffer(): Uint8Array {
  if (received.length === 0) received = new Uint8Array(READ_SIZE);
  return received;
}

/**
 * A TCP connection without Nagle's delay, for `connectDuplex`: what `connect` goes over. Rejects with `connect-timeout`,
 * `connection-failed`, `aborted`, or `usage` if the host, port or time is invalid; nothing is left open then.
 */
export async function tcpDuplex(options: DialOptions): Promise<Duplex> {
  // A program without types may give nothing at all.
  const { host, port, connectTimeout, signal } = { ...options };
  checkAddress(host, port);
  checkConnectTimeout(connectTimeout);
  checkSignal(signal);
  return socketDuplex(await dial(options));
}

/**
 * The socket of that. It is paused, and what it emits as "data" is the listener's only until that returns.
 */
export function dial({ host, port, connectTimeout, signal }: DialOptions): Promise<Socket> {
  const where = placeOf({ host, port });
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(aborted(where, signal));
      return;
    }
    const onread = {
      // Node looks once, workerd before each read.
      get buffer() {
        return readBuffer();
      },
      callback: (length: number, buffer: Uint8Array): boolean => socket.emit("data", buffer.subarray(0, length)),
    };
    const socket = connect({ host, port, noDelay: true, onread }).pause();
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
    const onError = (cause: NodeJS.ErrnoException): void => fail(dialError(where, cause));
    const onAbort = (): void => fail(aborted(where, signal));
    const timer = connectTimer(where, connectTimeout, fail);
    signal?.addEventListener("abort", onAbort);
    socket.on("connect", onConnect);
    socket.on("error", onError);
  });
}

/** Throws `usage` for what nobody can connect to. */
export function checkAddress(host: unknown, port: unknown): void {
  if (typeof host !== "string" || host === "")
    throw new SshError("usage", "host is missing, or empty: it is the name or the address to connect to");
  checkPort(port, 1);
}

/** Throws `usage` if `connectTimeout` is given and no integer from 1 to `MAX_MILLISECONDS`. */
export function checkConnectTimeout(connectTimeout: number | undefined): void {
  if (connectTimeout === undefined) return;
  checkLimit("connectTimeout", connectTimeout, { least: 1, most: MAX_MILLISECONDS, unit: "milliseconds" });
}

/** Throws `usage` if the value is no TCP port. Text is rejected, too: convert an environment variable to a number. */
export function checkPort(port: unknown, least: 0 | 1): void {
  if (Number.isInteger(port) && (port as number) >= least && (port as number) <= 65535) return;
  const given = typeof port === "string" ? JSON.stringify(port) : String(port);
  throw new SshError("usage", `${given} is no TCP port: it is a whole number from ${least} to 65535`);
}

function dialError(where: string, cause: NodeJS.ErrnoException): SshError {
  // With several addresses each has its own error; that of the first one that was tried stands for all.
  const first = cause instanceof AggregateError ? (cause.errors[0] as NodeJS.ErrnoException) : cause;
  switch (cause.code ?? first.code ?? "") {
    case "ECONNREFUSED":
      return failed(where, "connection refused: is an SSH server running there, on this port?", cause);
    case "ENOTFOUND":
      return failed(where, "there is no host of this name", cause);
    case "EAI_AGAIN":
      return failed(where, "the name could not be looked up: is the network up?", cause);
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EADDRNOTAVAIL":
      return failed(where, "there is no route to it", cause);
    case "ETIMEDOUT":
      return timedOut(where, "in the time the system allows", cause);
    default:
      return failed(where, escapeText(first.message), cause);
  }
}

function failed(where: string, reason: string, cause: unknown): SshError {
  return new SshError("connection-failed", `cannot connect to ${where}: ${reason}`, { cause });
}

/** The name of a place in messages. */
export function placeOf({ host, port }: Pick<DialOptions, "host" | "port">): string {
  return `${escapeText(host)} port ${port}`;
}

/** Calls `fail` with `connect-timeout` after that many milliseconds. */
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

function aborted(where: string, signal: AbortSignal | undefined): SshError {
  return new SshError("aborted", `connecting to ${where} was aborted`, { cause: signal?.reason });
}
