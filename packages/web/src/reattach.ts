import { type ClientTunnel, TUNNEL_SUBPROTOCOL } from "@nacre/tunnel";
import { SshError } from "@nacre/wire";
import { onAbort } from "nacre/extend";
import { bounded } from "./bounded.ts";
import { ABANDONED } from "./close-codes.ts";
import { handshake } from "./handshake.ts";
import { MessageSocket } from "./message-socket.ts";
import type { WebSocketLike } from "./web-socket.ts";

/**
 * Attaches a detached tunnel to another WebSocket and resolves with that WebSocket. Rejects with the error that ends the connection:
 * `lost`, or the error from the gateway's answer. Stops when `signal` aborts.
 */
export type Reattach = (tunnel: ClientTunnel, lost: SshError, signal: AbortSignal) => Promise<MessageSocket>;

/** Options of `reattachWithin`. */
export interface ReattachOptions {
  /** Opens a WebSocket to the gateway that has the tunnel. */
  readonly openSocket: () => WebSocketLike;
  /** Time in milliseconds that the gateway keeps the tunnel. */
  readonly resumeTime: number;
  readonly connectTimeout: number;
}

/** Initial and maximum wait between attempts in milliseconds. The wait doubles after each attempt. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 5000;

/**
 * Tries WebSockets until one carries the tunnel or the resume time expires. The first attempt starts immediately, unless another attempt
 * was made just before.
 */
export function reattachWithin({ openSocket, resumeTime, connectTimeout }: ReattachOptions): Reattach {
  let earliest = 0;
  return async (tunnel, lost, signal) => {
    const deadline = performance.now() + resumeTime;
    for (let wait = FIRST_WAIT; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
      await sleep(earliest - performance.now(), signal);
      if (signal.aborted) throw lost;
      // Half of the wait is random, so that the clients of a gateway do not reconnect concurrently.
      earliest = performance.now() + wait * (0.5 + Math.random() / 2);
      const socket = new MessageSocket(openSocket(), ABANDONED);
      try {
        return await bounded(socket, { connectTimeout, signal }, () => attach(tunnel, socket));
      } catch (error) {
        if (!socket.isLost) throw error;
      }
      // Check the deadline after an attempt: a computer that slept past it still tries once, and the gateway decides.
      // rule: web-resume-deadline
      if (earliest > deadline) throw lost;
    }
  };
}

async function attach(tunnel: ClientTunnel, socket: MessageSocket): Promise<MessageSocket> {
  await socket.opened;
  // rule: web-resume-subprotocol
  if (socket.protocol !== TUNNEL_SUBPROTOCOL)
    throw new SshError("gateway-refused", `the gateway ${socket.where} no longer resumes connections`);
  tunnel.attach();
  try {
    await handshake(tunnel, socket);
  } catch (error) {
    tunnel.detach();
    throw error;
  }
  return socket;
}

/** Resolves after `milliseconds`, or when `signal` aborts. */
function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (milliseconds <= 0) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      unwatch();
      resolve();
    }, milliseconds);
    const unwatch = onAbort(signal, () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
