import type { Socket } from "node:net";
import { type Bytes, SshError } from "@nacre/wire";
import { abortedError, type Duplex, onAbort, wrapDuplex } from "nacre/extend";
import { withDeadline } from "../deadline.ts";
import { defaultTimeout, dial, placeOf, type TcpOptions } from "../dial.ts";
import { asSshError } from "../failure.ts";
import { socketDuplex } from "../socket-duplex.ts";
import { type ProxyDialogue, takeChunk } from "./dialogue.ts";
import { HttpConnectDialogue } from "./http-connect.ts";
import { readProxy } from "./proxy-url.ts";
import { Socks5Dialogue } from "./socks5.ts";

/**
 * Connects to a host through a proxy, which also looks up its name. `connectTimeout` bounds the connection to the proxy and its answers
 * together. Rejects with `connect-timeout`, `connection-failed`, `aborted`, or `usage`; the socket is then closed.
 */
export async function proxyDuplex(url: string, options: TcpOptions): Promise<Duplex> {
  const { connectTimeout = defaultTimeout(options), signal } = options;
  const { protocol, host, port, login } = readProxy(url);
  const dialogue = protocol === "http" ? new HttpConnectDialogue(options, login) : new Socks5Dialogue(options, login);
  const where = `${placeOf(options)} through the proxy ${placeOf({ host, port })}`;
  const failed = (code: "connection-failed" | "connect-timeout", reason: string): SshError =>
    new SshError(code, `cannot connect to ${where}: ${reason}`);
  return withDeadline<Duplex>(
    {
      timeout: connectTimeout,
      signal,
      late: () => failed("connect-timeout", `no answer within ${connectTimeout} ms`),
      aborted: (over) => abortedError(`connecting to ${where}`, over),
      discard: (duplex) => void duplex.reset?.(),
    },
    async (over) => {
      const socket = await dial({ ...options, host, port, connectTimeout, signal: over }).catch((cause: unknown) => {
        const { code, message } = asSshError(cause);
        throw new SshError(code, `the proxy: ${message}`, { cause });
      });
      try {
        return startingWith(await converse(socket, dialogue, over), socketDuplex(socket));
      } catch (cause) {
        socket.on("error", () => {}).destroy();
        throw cause instanceof Refusal ? failed("connection-failed", cause.message) : cause;
      }
    },
  );
}

/** A refusal or fault of a proxy. */
class Refusal extends Error {}

/** Runs the handshake. Returns the bytes after it, with the socket paused. Rejects with a `Refusal`, or with the reason of `signal`. */
function converse(socket: Socket, dialogue: ProxyDialogue, signal: AbortSignal): Promise<Bytes> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      unwatch?.();
      socket.off("data", onData).off("end", onEnd).off("close", onEnd).off("error", onError);
      socket.pause();
    };
    const fail = (error: unknown): void => {
      settle();
      reject(error);
    };
    const onEnd = (): void => fail(new Refusal("the proxy closed the connection without an answer"));
    const onError = ({ message }: Error): void => fail(new Refusal(`the connection to the proxy broke: ${message}`));
    const onData = (chunk: Uint8Array): void => {
      const step = takeChunk(dialogue, chunk);
      if (step.send.length > 0) socket.write(step.send);
      if (step.type === "refused") fail(new Refusal(step.reason));
      if (step.type !== "connected") return;
      settle();
      resolve(step.rest);
    };
    let unwatch: (() => void) | undefined;
    socket.on("data", onData).on("end", onEnd).on("close", onEnd).on("error", onError);
    // rule: proxy-abandoned
    unwatch = onAbort(signal, () => fail(signal.reason));
    if (signal.aborted) return;
    socket.write(dialogue.hello);
    socket.resume();
  });
}

/** Returns a byte connection like `duplex` that delivers `bytes` first. */
function startingWith(bytes: Bytes, duplex: Duplex): Duplex {
  if (bytes.length === 0) return duplex;
  return wrapDuplex(duplex, {
    open(handler) {
      // Before anything that the socket delivers, but after `open` returns.
      queueMicrotask(() => handler.data(bytes));
      duplex.open(handler);
    },
  });
}
