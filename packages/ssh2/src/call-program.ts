import { type ChannelHandler, leaveUncaught } from "nacre/extend";

/** Ends a connection with an exception of the program. Returns false if the connection has failed or ended before. */
export type TakeThrown = (thrown: unknown) => boolean;

/** Connections whose messages call the program, and what takes its exceptions. */
const takers = new WeakMap<object, TakeThrown>();

/** Sets what takes the exceptions of the program for a connection. Without it they are uncaught. */
export function takeThrown(connection: object, take: TakeThrown): void {
  takers.set(connection, take);
}

/**
 * Calls a listener or callback of the program, and returns its result. As in ssh2, what it throws is the event "error" of the connection,
 * which ends; then the result is `undefined`. Once the connection has failed or ended, it is an uncaught exception.
 */
export function callProgram<T>(connection: object, call: () => T): T | undefined {
  try {
    return call();
  } catch (thrown) {
    if (takers.get(connection)?.(thrown) !== true) leaveUncaught(thrown);
    return undefined;
  }
}

/** Calls the program as `callProgram` does. Returns whether it threw nothing. */
export function programReturned(connection: object, call: () => unknown): boolean {
  const hasReturned = callProgram(connection, () => {
    call();
    return true;
  });
  return hasReturned === true;
}

/** Returns a handler of a channel which may call the program: each call is one of `callProgram`. */
export function handlerFor(connection: object, handler: ChannelHandler): ChannelHandler {
  return {
    data: (stream, bytes) => callProgram(connection, () => handler.data(stream, bytes)),
    writable: () => callProgram(connection, () => handler.writable()),
    eof: () => callProgram(connection, () => handler.eof()),
    request: (request) => callProgram(connection, () => handler.request(request)),
    closed: (end) => callProgram(connection, () => handler.closed(end)),
  };
}
