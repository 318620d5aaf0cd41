import { lookup } from "node:dns";
import { Socket } from "node:net";
import type { Duplex as NodeDuplex } from "node:stream";
import { socketDuplex } from "@nacre/node";
import { type Duplex, wrapDuplex, wrapHandler } from "nacre/extend";
import { type Ssh2Error, ssh2Error } from "../errors.ts";
import type { ClientConfig } from "./options.ts";

/** Milliseconds that closing waits for the peer to end its direction. */
const LINGER = 2000;

/** Makes a socket for `dial`. Nagle's algorithm is off: it delays short messages. */
export function newSocket(): Socket {
  const socket = new Socket();
  socket.setNoDelay(true);
  // Each channel may add a listener.
  socket.setMaxListeners(0);
  return socket;
}

/** Connects a socket to the host of the options. `dialling` is called when the time of the handshake begins. */
export function dial(
  socket: Socket,
  { host, port, localAddress, localPort, forceIPv4, forceIPv6 }: ClientConfig,
  timeout: number,
  on: { readonly dialling: () => void; readonly failed: (error: Ssh2Error) => void },
): void {
  const begin = (address: string | undefined): void => {
    on.dialling();
    socket.connect({
      host: address,
      port: port ?? 22,
      localAddress,
      localPort: localPort === undefined ? undefined : Number(localPort),
    });
    socket.setTimeout(timeout);
  };
  if (Boolean(forceIPv4) === Boolean(forceIPv6)) {
    begin(host);
    return;
  }
  const family = forceIPv4 ? 4 : 6;
  lookup(host ?? "", family, (cause, address) => {
    if (socket.destroyed || !socket.writable) {
      socket.destroy();
      return;
    }
    if (cause === null) begin(address);
    else
      on.failed(
        ssh2Error(`Error while looking up IPv${family} address for '${host}': ${cause}`, {
          level: "client-dns",
        }),
      );
  });
}

/** Returns whether the stream is a socket that is connecting, or that the program still has to connect. Other streams are connected. */
export function isConnecting(socket: NodeDuplex): boolean {
  return (socket as Partial<Socket>).pending === true;
}

/**
 * Returns a byte connection whose end and failure are reported only when `releaseEnd` is called, so that "end" and "close" come before
 * pending calls fail. If `hadTime`, `close` destroys the socket at once: the peer already had time to answer.
 */
export function duplexWithDelayedEnd(
  socket: NodeDuplex,
  hadTime: () => boolean,
): { readonly duplex: Duplex; readonly releaseEnd: () => void } {
  const inner = socketDuplex(socket, { linger: LINGER });
  let held: (() => void) | undefined;
  let isOver = false;
  const hold = (call: () => void): void => {
    if (isOver) call();
    else held ??= call;
  };
  const duplex = wrapDuplex(inner, {
    open: (handler) =>
      inner.open(
        wrapHandler(handler, {
          ended: () => hold(() => handler.ended()),
          failed: (cause) => hold(() => handler.failed(cause)),
        }),
      ),
    close: () => {
      if (hadTime()) socket.destroy();
      return inner.close();
    },
  });
  return {
    duplex,
    releaseEnd: () => {
      isOver = true;
      held?.();
      held = undefined;
    },
  };
}
