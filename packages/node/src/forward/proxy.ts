import type { Socket } from "node:net";
import { type Bytes, escapeText, SshError } from "@nacre/wire";
import { type Channel, dialOver, EventBuffer, onAbort } from "nacre/extend";
import { bridge, ProxyHandshake, type ProxyTarget } from "nacre/internal-on-demand";
import { asSshError } from "../net/failure.ts";
import { acceptedDuplex } from "../net/socket-duplex.ts";
import { reportBroken } from "./connections.ts";
import type { Forwarder } from "./forward.ts";
import { dialTarget } from "./forward-dial.ts";
import { originatorOf } from "./forward-listen.ts";

/** A proxy client that is not connected to its target yet. */
export interface ProxyClient {
  /** Starts reading. Calls `ended` when the client sends EOF or its connection breaks. */
  read(receive: (bytes: Uint8Array) => void, ended: () => void): void;
  /** Stops reading. Must be called within `receive`. `rest` is delivered first when reading continues. */
  hold(rest: Bytes): void;
  write(bytes: Bytes): void;
  /** Closes the connection after sending all written data. Resolves when it is released. */
  dismiss(signal: AbortSignal): Promise<void>;
}

const HANDSHAKE_TIMEOUT = 10_000;

/** Options of {@link serveProxyClient}. */
export interface ProxySettings {
  /** Timeout for receiving a client's complete request, in milliseconds; default 10,000. */
  readonly timeout: number | undefined;
  /** Whether clients may connect to a target; default every target. */
  readonly permit?: ((target: ProxyTarget) => boolean) | undefined;
  /** Aborts when the forward is closed. */
  readonly signal: AbortSignal;
  /** Called with the error when a client is refused. */
  readonly report: (cause: unknown) => void;
}

/**
 * Reads a client's request, connects to its target with `connect`, and replies. Resolves with the result of `connect`, or with `undefined`
 * if the client was refused and closed. Never rejects.
 */
export async function serveProxyClient<T>(
  client: ProxyClient,
  settings: ProxySettings,
  connect: (target: ProxyTarget) => Promise<T>,
): Promise<T | undefined> {
  try {
    const { target, handshake } = await readRequest(client, settings);
    const isPermitted = settings.permit?.(target) ?? true;
    const connected = await (isPermitted ? connect(target) : refusedTarget(target)).catch((cause: unknown) => {
      client.write(handshake.refusedBy(asSshError(cause).code));
      throw cause;
    });
    client.write(handshake.granted());
    return connected;
  } catch (cause) {
    settings.report(cause);
    await client.dismiss(settings.signal);
    return undefined;
  }
}

async function refusedTarget({ host, port }: ProxyTarget): Promise<never> {
  throw new SshError("forward-denied", `connections to ${escapeText(host)} port ${port} are not permitted`);
}

interface ProxyRequest {
  readonly target: ProxyTarget;
  readonly handshake: ProxyHandshake;
}

function readRequest(
  client: ProxyClient,
  { signal, timeout = HANDSHAKE_TIMEOUT }: ProxySettings,
): Promise<ProxyRequest> {
  return new Promise((resolve, reject) => {
    const handshake = new ProxyHandshake();
    let isOver = false;
    let unwatch: (() => void) | undefined;
    const settle = (): void => {
      isOver = true;
      clearTimeout(timer);
      unwatch?.();
    };
    const fail = (error: SshError): void => {
      if (isOver) return;
      settle();
      reject(error);
    };
    const refuse = (problem: string): void => fail(new SshError("proxy-request-refused", problem));
    const timer = setTimeout(() => refuse(`no complete proxy request within ${timeout} ms`), timeout);
    unwatch = onAbort(signal, () => fail(new SshError("closed", "the forward was closed")));
    client.read(
      (bytes) => {
        if (isOver) return;
        const step = handshake.receive(bytes);
        client.write(step.reply);
        if (step.type === "refused") fail(step.reason);
        if (step.type !== "connect") return;
        client.hold(step.rest);
        settle();
        resolve({ target: step.target, handshake });
      },
      () => refuse("the connection ended before its proxy request was complete"),
    );
  });
}

/** Serves a proxy client that connected to this side: the server connects to its target. */
export async function proxyOverSocket({ mux }: Forwarder, socket: Socket, settings: ProxySettings): Promise<void> {
  const { signal } = settings;
  const originator = originatorOf(socket);
  const channel = await serveProxyClient(new SocketClient(socket), settings, (target) =>
    dialOver(mux, target, { signal, originator }),
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

/** Serves a proxy client that connected to the server: connects to its target from this side. */
export async function proxyOverChannel(channel: Channel, settings: ProxySettings): Promise<void> {
  const { signal } = settings;
  const duplex = await serveProxyClient(new ChannelClient(channel), settings, (target) => dialTarget(target, signal));
  if (duplex === undefined) return;
  await bridge(channel, duplex, signal);
  await reportBroken(channel);
}

class ChannelClient implements ProxyClient {
  readonly #channel: Channel;
  /** Number of buffered bytes in the current chunk. Their window credit is returned when they are read. */
  #held = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  read(receive: (bytes: Uint8Array) => void, ended: () => void): void {
    const channel = this.#channel;
    channel.handler = {
      data: (stream, bytes) => {
        if (stream === 0) receive(bytes);
        channel.consumed(bytes.length - this.#held);
      },
      writable() {},
      eof: ended,
      request: (request) => channel.reply(request, false),
      closed: ended,
    };
  }

  hold(rest: Bytes): void {
    const buffer = new EventBuffer(this.#channel);
    this.#channel.handler = buffer;
    this.#held = rest.length;
    if (rest.length > 0) buffer.data(0, rest);
  }

  write(bytes: Bytes): void {
    if (bytes.length === 0 || this.#channel.closed) return;
    // A reply fits into any window, unless the peer never granted one.
    if (this.#channel.write(bytes) < bytes.length)
      this.#channel.close(new SshError("closed", "the proxy client's window is too small for the reply"));
  }

  async dismiss(): Promise<void> {
    this.#channel.end();
    this.#channel.close();
  }
}
