import { SshError } from "@nacre/wire";
import {
  type Channel,
  channelDuplex,
  connectDuplex,
  type Duplex,
  dialChannel,
  type ForwardTarget,
} from "nacre/internal";
import { bufferInputUntil } from "./buffer-input.ts";
import type { Client } from "./client.ts";
import { connectTimer, placeOf } from "./dial.ts";
import { asSshError } from "./failure.ts";
import type { Prepared } from "./prepare.ts";
import { hopError } from "./route.ts";

/**
 * Logs in to a jump host over `duplex` and connects onward from there to `next`. The open leaves with the login where the server is known to
 * bear that. The jump host's connection belongs to the byte connection that this returns: it is closed with it, or if this rejects.
 */
export async function throughHop(duplex: Duplex, hop: Prepared, next: Prepared): Promise<Duplex> {
  const fail = (cause: unknown): SshError => hopError(hop, cause);
  try {
    const { driver, early } = await connectDuplex(
      bufferInputUntil(hop.loading, duplex),
      hop.options,
      (connection) => connection,
      (mux) => dialChannel(mux, addressOf(next), { signal: hop.options.signal }),
    );
    return await overChannel(early!, next, fail, () => driver.close());
  } catch (cause) {
    throw fail(cause);
  }
}

/** Connects onward from the server of a client, which stays open. */
export async function throughClient(client: Pick<Client, "dialChannel">, next: Prepared): Promise<Duplex> {
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

const addressOf = ({ host, port }: Prepared): ForwardTarget => ({ host, port });

/** Makes a byte connection of a channel that is being opened. Calls `release` when it is closed, or if this rejects. */
async function overChannel(
  opening: Promise<Channel>,
  next: Prepared,
  fail: (cause: unknown) => SshError,
  release: () => Promise<void>,
): Promise<Duplex> {
  try {
    return jumpDuplex(await inTime(opening, next), fail, release);
  } catch (cause) {
    await release();
    throw cause;
  }
}

/**
 * Waits for the connection onward. Rejects with `connect-timeout`: the attempt is then over, and its signal closes a channel that opens later.
 */
function inTime(opening: Promise<Channel>, next: Prepared): Promise<Channel> {
  return new Promise((resolve, reject) => {
    const timer = connectTimer(placeOf(next), next.connectTimeout, reject);
    void opening.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** A byte connection over a channel. Its failures name the jump host, and closing it ends with `release`. */
function jumpDuplex(channel: Channel, fail: (cause: unknown) => SshError, release: () => Promise<void>): Duplex {
  const duplex = channelDuplex(channel);
  return {
    open: (handler) =>
      duplex.open({
        data: (chunk) => handler.data(chunk),
        drained: () => handler.drained(),
        ended: () => handler.ended(),
        failed: (cause) => handler.failed(fail(cause)),
      }),
    write: (pieces) => duplex.write(pieces),
    pause: () => duplex.pause(),
    resume: () => duplex.resume(),
    end: () => duplex.end(),
    async close() {
      await duplex.close();
      await release();
    },
  };
}
