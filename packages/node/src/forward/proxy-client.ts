import { type Bytes, SshError } from "@nacre/wire";
import { onAbort } from "nacre/extend";
import { ProxyHandshake, type ProxyTarget } from "nacre/internal-forward";
import { asSshError } from "../net/failure.ts";

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
    const connected = await connect(target).catch((cause: unknown) => {
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
