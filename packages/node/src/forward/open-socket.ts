import { connect, type Socket } from "node:net";
import { escapeText, SshError } from "@nacre/wire";
import { type ForwardTarget, formatTarget } from "nacre/parts";

/** How long to try: milliseconds. */
const CONNECT_TIMEOUT = 15_000;

/**
 * Connects to a target from this side. The socket is paused and ends each direction on its own. Rejects with `forward-unreachable` or
 * `aborted`; nothing is left open then.
 */
export function openSocket(target: ForwardTarget, signal: AbortSignal): Promise<Socket> {
  const where = escapeText(formatTarget(target));
  return new Promise((resolve, reject) => {
    const options = target.path === undefined ? { host: target.host, port: target.port } : { path: target.path };
    const socket = connect({ ...options, allowHalfOpen: true, noDelay: true }).pause();
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.off("error", onError);
      socket.off("connect", onConnect);
      socket.on("error", () => {});
    };
    const fail = (error: SshError): void => {
      settle();
      socket.destroy();
      reject(error);
    };
    const onConnect = (): void => {
      settle();
      resolve(socket);
    };
    const onError = (cause: NodeJS.ErrnoException): void => fail(unreachable(where, reasonOf(cause), cause));
    const onAbort = (): void => fail(new SshError("aborted", `connecting to ${where} was aborted`));
    const timer = setTimeout(() => fail(unreachable(where, `no answer within ${CONNECT_TIMEOUT} ms`)), CONNECT_TIMEOUT);
    signal.addEventListener("abort", onAbort);
    socket.on("connect", onConnect);
    socket.on("error", onError);
    if (signal.aborted) onAbort();
  });
}

function unreachable(where: string, reason: string, cause?: unknown): SshError {
  return new SshError("forward-unreachable", `cannot connect to ${where}: ${reason}`, { cause });
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ENOTFOUND: "there is no host of this name",
  ENOENT: "the socket does not exist",
  EACCES: "permission denied",
  EHOSTUNREACH: "there is no route to it",
  ENETUNREACH: "there is no route to it",
};

function reasonOf(cause: NodeJS.ErrnoException): string {
  // With several addresses each has its own error.
  const first = cause instanceof AggregateError ? (cause.errors[0] as NodeJS.ErrnoException) : cause;
  return REASONS[cause.code ?? first.code ?? ""] ?? escapeText(first.message);
}
