import { connect, type Socket } from "node:net";
import { SshError } from "@nacre/wire";
import type { Target } from "./destinations.ts";
import { Inlet } from "./inlet.ts";

/** A connected TCP socket, paused, and what arrives at it. */
export interface Dialled {
  readonly socket: Socket;
  readonly inlet: Inlet;
}

/**
 * Connects to one of the addresses, which were checked, within the time of `signal`. Rejects with `forward-unreachable`, or with the signal's
 * reason. Two families race as RFC 8305 says.
 */
export function dial({ host, port }: Target, addresses: readonly string[], signal: AbortSignal): Promise<Dialled> {
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
      // A name that only `lookup` above knows, so that no other address can be dialled.
      host: "destination.invalid",
      port,
      autoSelectFamily: true,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
    });
    // Nothing is read before somebody listens.
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

/** What the system said, without the host that was dialled. */
function explain(cause: NodeJS.ErrnoException): string {
  return cause.code ?? cause.message;
}
