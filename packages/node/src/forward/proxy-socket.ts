import type { Socket } from "node:net";
import type { Bytes } from "@nacre/wire";
import { dialChannel, onAbort } from "nacre/extend";
import { bridge } from "nacre/internal-forward";
import { acceptedDuplex } from "../net/socket-duplex.ts";
import { originatorOf } from "./forward-listen.ts";
import type { Forwarder } from "./forwarder.ts";
import { type ProxyClient, type ProxySettings, serveProxyClient } from "./proxy-client.ts";
import { reportBroken } from "./report-broken.ts";

/** Serves a proxy client that connected to this side: the server connects to its target. */
export async function proxyOverSocket({ mux }: Forwarder, socket: Socket, settings: ProxySettings): Promise<void> {
  const { signal } = settings;
  const originator = originatorOf(socket);
  const channel = await serveProxyClient(new SocketClient(socket), settings, (target) =>
    dialChannel(mux, target, { signal, originator }),
  );
  if (channel === undefined) return;
  await bridge(channel, acceptedDuplex(socket), signal);
  await reportBroken(channel);
}

/** Time for a refused client to read the reply, in milliseconds. */
const DISMISS_TIMEOUT = 1000;

class SocketClient implements ProxyClient {
  readonly #socket: Socket;
  #stopReading = (): void => {};

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  read(receive: (bytes: Uint8Array) => void, ended: () => void): void {
    const socket = this.#socket;
    socket.on("data", receive);
    socket.on("end", ended);
    socket.on("close", ended);
    this.#stopReading = () => {
      socket.off("data", receive);
      socket.off("end", ended);
      socket.off("close", ended);
    };
    socket.resume();
  }

  hold(rest: Bytes): void {
    this.#stopReading();
    this.#socket.pause();
    if (rest.length > 0) this.#socket.unshift(rest);
  }

  write(bytes: Bytes): void {
    if (bytes.length > 0 && this.#socket.writable) this.#socket.write(bytes);
  }

  /** Reads and discards remaining input. Otherwise closing the socket would send a reset, and the client would lose the reply. */
  dismiss(signal: AbortSignal): Promise<void> {
    const socket = this.#socket;
    this.#stopReading();
    return new Promise((resolve) => {
      if (socket.closed) return resolve();
      const destroy = (): void => void socket.destroy();
      const timer = setTimeout(destroy, DISMISS_TIMEOUT);
      socket.once("end", destroy);
      socket.once("close", () => {
        clearTimeout(timer);
        unwatch();
        resolve();
      });
      const unwatch = onAbort(signal, destroy);
      if (signal.aborted) return;
      socket.end();
      socket.resume();
    });
  }
}
