import { connect, type Socket } from "node:net";
import { SshError } from "@nacre/wire";
import type { Target } from "./destinations.ts";
import { Inlet } from "./inlet.ts";

/** A connected, paused TCP socket and the inlet that receives its data. */
export interface Dialled {
  readonly socket: Socket;
  readonly inlet: Inlet;
}

/**
 * Connects to one of the checked addresses. IPv4 and IPv6 race (RFC 8305). Rejects with `forward-unreachable`, or with the signal's reason
 * if the signal aborts.
 */
export function dial(
  { host, port }: Target,
  addresses: readonly string[],
  { signal }: { readonly signal: AbortSignal },
): Promise<Dialled> {
  return new Promise((resolve, reject) => {
    const inlet = new Inlet();
    const socket = connect({
      onread: inlet.onread,
      // rule: gateway-dial-checked-address
      lookup: (_host, _options, found) => {
        found(
          null,
          addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
        );
      },
      // Only `lookup` above resolves this name, so the socket cannot connect to an unchecked address.
      host: "destination.invalid",
      port,
      autoSelectFamily: true,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
    });
    // Data stays unread until the relay has set `inlet.onMessage`.
    socket.pause();
    const onAbort = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    const onError = (cause: Error): void => {
      signal.removeEventListener("abort", onAbort);
      reject(new SshError("forward-unreachable", `cannot connect to ${host}:${port}: ${explain(cause)}`, { cause }));
    };
    socket.once("error", onError);
    socket.once("connect", () => {
      signal.removeEventListener("abort", onAbort);
      socket.off("error", onError);
      resolve({ socket, inlet });
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort);
  });
}

/** Returns the error's code, or its message if it has no code. A code does not contain the dialled host. */
function explain(cause: NodeJS.ErrnoException): string {
  return cause.code ?? cause.message;
}
