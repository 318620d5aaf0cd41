import { SshError } from "@nacre/wire";
import { abortedError, onAbort } from "nacre/extend";
import type { MessageSocket } from "./message-socket.ts";

/** Bounds for connecting: a timeout in milliseconds and an abort signal. */
export interface Patience {
  readonly connectTimeout: number;
  readonly signal: AbortSignal | undefined;
}

/** Runs `work`, and makes `socket` fail on timeout or abort. Closes the WebSocket before it rejects. */
export async function bounded<T>(socket: MessageSocket, patience: Patience, work: () => Promise<T>): Promise<T> {
  const { connectTimeout, signal } = patience;
  const { where } = socket;
  const late = new SshError("connect-timeout", `cannot connect to ${where}: no answer within ${connectTimeout} ms`);
  const timer = setTimeout(() => socket.fail(late, true), connectTimeout);
  const unwatch = signal && onAbort(signal, () => socket.fail(abortedError(`connecting to ${where}`, signal)));
  try {
    return await work();
  } catch (error) {
    await socket.close();
    throw error;
  } finally {
    clearTimeout(timer);
    unwatch?.();
  }
}
