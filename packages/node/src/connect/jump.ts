import { SshError } from "@nacre/wire";
import {
  type Channel,
  type ClientProvider,
  channelDuplex,
  type Duplex,
  dialOver,
  type ForwardTarget,
  logIn,
  wrapDuplex,
  wrapHandler,
} from "nacre/extend";
import { bufferInputUntil } from "../net/buffer-input.ts";
import { connectTimer, placeOf } from "../net/dial.ts";
import { asSshError } from "../net/failure.ts";
import type { Client } from "./client.ts";
import type { Prepared } from "./prepare.ts";
import { hopError } from "./route.ts";
import type { Way } from "./way.ts";

/** An open byte connection. */
export interface Opened extends Way {
  /** Time at which opening it began, in milliseconds of `performance.now`. */
  readonly since: number;
}

/** Returns the time limit for connecting and the part of it that has passed; `undefined` if none was given. */
export function timeOf({ dial: { connectTimeout } }: Prepared, { since }: Opened): ClientProvider["connecting"] {
  return connectTimeout === undefined ? undefined : { timeout: connectTimeout, elapsed: performance.now() - since };
}

/**
 * Logs in to a jump host over `opened` and opens a channel from there to `next`. If the server is known to support it, the channel open is
 * sent together with the login. The returned duplex owns the jump host's connection, which is closed with it or if this function
 * rejects.
 */
export async function throughHop(opened: Opened, hop: Prepared, next: Prepared): Promise<Opened> {
  const fail = (cause: unknown): SshError => hopError(hop.dial, cause);
  try {
    const { driver, early } = await logIn(
      bufferInputUntil(hop.loading, opened.duplex),
      { ...hop.options, connecting: timeOf(hop, opened) },
      (mux) => dialOver(mux, addressOf(next), { signal: hop.options.signal }),
    );
    await hop.loggedIn();
    return await overChannel(early!, next, fail, () => driver.close());
  } catch (cause) {
    throw fail(cause);
  }
}

/** Opens a channel from a client's server to `next`. The client stays open. */
export async function throughClient(client: Pick<Client, "dialChannel">, next: Prepared): Promise<Opened> {
  try {
    const opening = client.dialChannel(addressOf(next), { signal: next.options.signal });
    return await overChannel(opening, next, clientError, async () => {});
  } catch (cause) {
    throw clientError(cause);
  }
}

function clientError(cause: unknown): SshError {
  const { code, message } = asSshError(cause);
  return new SshError(code, `the client in \`via\`: ${message}`, { cause });
}

const addressOf = ({ dial: { host, port } }: Prepared): ForwardTarget => ({ host, port });

/** Returns a duplex over a channel that is being opened. Calls `release` when the stream is closed, or before rejecting. */
async function overChannel(
  opening: Promise<Channel>,
  next: Prepared,
  fail: (cause: unknown) => SshError,
  release: () => Promise<void>,
): Promise<Opened> {
  const since = performance.now();
  try {
    return { duplex: jumpDuplex(await inTime(opening, next), fail, release), since };
  } catch (cause) {
    await release();
    throw cause;
  }
}

/** Waits for the channel to open. After `connect-timeout`, the attempt's signal aborts and closes a channel that opens later. */
function inTime(opening: Promise<Channel>, next: Prepared): Promise<Channel> {
  return new Promise((resolve, reject) => {
    const timer = connectTimer(placeOf(next.dial), next.dial.connectTimeout, reject);
    void opening.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Returns a duplex over a channel. Errors name the jump host. Closing it also calls `release`. */
function jumpDuplex(channel: Channel, fail: (cause: unknown) => SshError, release: () => Promise<void>): Duplex {
  const duplex = channelDuplex(channel);
  return wrapDuplex(duplex, {
    open: (handler) => duplex.open(wrapHandler(handler, { failed: (cause) => handler.failed(fail(cause)) })),
    close: () => duplex.close().then(release),
    reset: () => duplex.reset().then(release),
  });
}
