import { type Bytes, SshError } from "@nacre/wire";
import { onAbort, ProxyHandshake, type ProxyTarget } from "nacre/internal";
import { asSshError } from "../failure.ts";

/** A client of a proxy, before it is connected to its target. */
export interface ProxyClient {
  /** Begins to read. `ended`: the client sends no more, or its connection broke. */
  read(receive: (bytes: Uint8Array) => void, ended: () => void): void;
  /** Stops reading, from within `receive`. `rest` comes first when the connection is read again. */
  hold(rest: Bytes): void;
  write(bytes: Bytes): void;
  /** Closes the connection so that the client still gets what was written. Resolves when it is released. */
  dismiss(signal: AbortSignal): Promise<void>;
}

const HANDSHAKE_TIMEOUT = 10_000;

/** How clients of a proxy are served. */
export interface ProxySettings {
  /** Milliseconds until a client must have sent its request; default 10,000. */
  readonly timeout: number | undefined;
  /** Aborts when the forward is closed. */
  readonly signal: AbortSignal;
  /** Receives the reason for which a client was refused. */
  readonly report: (cause: unknown) => void;
}

/**
 * Reads the request of a client, connects to its target by `connect`, and replies. Resolves with what `connect` resolves with; with
 * `undefined` if the client was refused and is closed. Never rejects.
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
