import type { Socket } from "node:net";
import type { Bytes } from "@nacre/wire";
import { bridge, dialChannel } from "nacre/parts";
import { socketDuplex } from "../socket-duplex.ts";
import type { Forwarder } from "./forwarder.ts";
import { originatorOf } from "./local.ts";
import { type ProxyClient, serveProxyClient } from "./proxy-client.ts";
import { reportBroken } from "./report-broken.ts";

/** Serves a client of a proxy on this side: its target is connected to by the server. */
export async function proxyOverSocket(
  { mux }: Forwarder,
  socket: Socket,
  signal: AbortSignal,
  timeout: number | undefined,
): Promise<void> {
  const originator = originatorOf(socket);
  const channel = await serveProxyClient(new SocketClient(socket), signal, timeout, (target) =>
    dialChannel(mux, target, { signal, originator }),
  );
  await bridge(channel, socketDuplex(socket), signal);
  await reportBroken(channel);
}

/** How long a client that was refused may take to read the reply: milliseconds. */
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

  /** Bytes that nobody reads would turn the close into a reset, and the client would lose the reply: they are read and dropped. */
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
        signal.removeEventListener("abort", destroy);
        resolve();
      });
      signal.addEventListener("abort", destroy);
      if (signal.aborted) return destroy();
      socket.end();
      socket.resume();
    });
  }
}
