import { type Bytes, SshError } from "@nacre/wire";
import { ProxyHandshake, type ProxyTarget } from "nacre/parts";
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

/** Milliseconds until a client must have sent its request. */
const HANDSHAKE_TIMEOUT = 10_000;

/**
 * Reads the request of a client, connects to its target by `connect`, and tells the client. Rejects with the reason if the client was refused:
 * `proxy-request-refused`, or what `connect` rejects with. Its connection is closed then.
 */
export async function serveProxyClient<T>(
  client: ProxyClient,
  signal: AbortSignal,
  timeout: number | undefined,
  connect: (target: ProxyTarget) => Promise<T>,
): Promise<T> {
  try {
    const { target, handshake } = await readRequest(client, signal, timeout);
    const connected = await connect(target).catch((cause: unknown) => {
      client.write(handshake.refusedBy(asSshError(cause).code));
      throw cause;
    });
    client.write(handshake.granted());
    return connected;
  } catch (cause) {
    await client.dismiss(signal);
    throw cause;
  }
}

interface ProxyRequest {
  readonly target: ProxyTarget;
  readonly handshake: ProxyHandshake;
}

function readRequest(client: ProxyClient, signal: AbortSignal, timeout = HANDSHAKE_TIMEOUT): Promise<ProxyRequest> {
  return new Promise((resolve, reject) => {
    const handshake = new ProxyHandshake();
    let isOver = false;
    const settle = (): void => {
      isOver = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    };
    const fail = (error: SshError): void => {
      if (isOver) return;
      settle();
      reject(error);
    };
    const refuse = (problem: string): void => fail(new SshError("proxy-request-refused", problem));
    const onAbort = (): void => fail(new SshError("closed", "the forward was closed"));
    const timer = setTimeout(() => refuse(`no complete proxy request within ${timeout} ms`), timeout);
    signal.addEventListener("abort", onAbort);
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
