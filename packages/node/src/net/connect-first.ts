import { isIP, type Socket } from "node:net";

/** Delay in milliseconds before the next address is tried in parallel (RFC 8305 §5). */
const ATTEMPT_DELAY = 250;

/**
 * Opens a socket to each target in order, starting the next when one fails or takes 250 ms, and returns the first that connects. The other
 * sockets are closed. Calls `onFailure` for each that fails. Rejects with the first error if all fail, or with the reason of `signal`.
 */
export function connectFirst<T>(
  targets: readonly T[],
  open: (target: T) => Socket,
  signal: AbortSignal,
  onFailure?: (target: T, cause: NodeJS.ErrnoException) => void,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const left = [...targets];
    const trying = new Set<Socket>();
    let first: unknown;
    let timer: NodeJS.Timeout | undefined;
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      for (const socket of trying) socket.destroy();
    };
    const onAbort = (): void => {
      settle();
      reject(signal.reason);
    };
    const next = (): void => {
      clearTimeout(timer);
      const target = left.shift();
      if (target === undefined) return;
      let socket: Socket;
      try {
        socket = open(target);
      } catch (cause) {
        settle();
        reject(cause);
        return;
      }
      trying.add(socket);
      const onConnect = (): void => {
        // A socket that was given up may still report that it connected.
        if (!trying.delete(socket)) return;
        socket.off("error", onError);
        settle();
        resolve(socket);
      };
      // Stays on a socket that was given up.
      const onError = (cause: NodeJS.ErrnoException): void => {
        if (!trying.delete(socket)) return;
        socket.off("connect", onConnect);
        first ??= cause;
        onFailure?.(target, cause);
        if (left.length > 0) next();
        else if (trying.size === 0) {
          settle();
          reject(first);
        }
      };
      socket.once("connect", onConnect);
      socket.on("error", onError);
      if (left.length > 0) timer = setTimeout(next, ATTEMPT_DELAY);
    };
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    else if (left.length === 0) {
      settle();
      reject(new Error("the host name has no address"));
    } else next();
  });
}

/** Returns the addresses with their families in turn, the first address first (RFC 8305 §4). */
export function interleaved(addresses: readonly string[]): readonly string[] {
  const family = isIP(addresses[0] ?? "");
  const first = addresses.filter((address) => isIP(address) === family);
  const others = addresses.filter((address) => isIP(address) !== family);
  const longest = first.length > others.length ? first : others;
  return longest.flatMap((_, index) => [...first.slice(index, index + 1), ...others.slice(index, index + 1)]);
}
