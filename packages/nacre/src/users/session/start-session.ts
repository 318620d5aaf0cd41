import type { SshError } from "@nacre/wire";
import { checkSignal } from "../../check.ts";
import type { Channel } from "../../mux/channel.ts";
import { abortedError, onAbort, unlessAborted } from "../../on-abort.ts";
import { withCaller } from "../../with-caller.ts";
import { type Client, connectionOf } from "../client/client.ts";
import type { EncodedRequest } from "../client/client-user.ts";
import type { SpawnOptions } from "./options.ts";
import { encodeSignal, startRequests } from "./requests.ts";

/** Returns the requests that prepare and start a session of a client. Throws `usage` for invalid options. */
export function encodeStart(
  client: Client,
  options: SpawnOptions,
  type: "exec" | "shell" | "subsystem",
  data: Uint8Array,
  refused?: EncodedRequest["refused"],
): readonly EncodedRequest[] {
  return startRequests(options, { type, data, wantReply: true, refused }, connectionOf(client).driver.encodeModes);
}

/**
 * Opens a session channel and passes it to `use`, with all requests that prepare and start the session: those of the connection's users and
 * `requests`. Closes the channel if `use` fails. If the signal aborts, also while the command runs, sends `killSignal` and closes the
 * channel.
 */
export async function withSession<T>(
  client: Client,
  options: SpawnOptions,
  requests: readonly EncodedRequest[],
  use: (channel: Channel, start: readonly EncodedRequest[]) => Promise<T>,
): Promise<T> {
  const { driver, sessions, place } = connectionOf(client);
  const { signal, killSignal = "TERM" } = options;
  checkSignal(signal);
  const kill = encodeSignal(killSignal);
  const where = place === undefined ? "" : ` at ${place}`;
  const makeError = (aborted: AbortSignal): SshError =>
    abortedError(`the command${where}`, aborted, "; its channel is closed");
  if (signal?.aborted) throw makeError(signal);
  const opening = sessions.open(options);
  const using = opening.then((channel) => {
    if (signal !== undefined) closeOnAbort(channel, signal, kill, makeError);
    return use(channel, [...driver.sessionRequests(), ...requests]);
  });
  try {
    return await unlessAborted(using, signal, makeError);
  } catch (error) {
    opening.then(
      (channel) => channel.close(),
      () => {},
    );
    throw withCaller(error);
  }
}

/** Kills the command and closes its channel when `signal` aborts. Throws `aborted` if `signal` is already aborted. */
function closeOnAbort(
  channel: Channel,
  signal: AbortSignal,
  kill: Uint8Array,
  makeError: (signal: AbortSignal) => SshError,
): void {
  if (signal.aborted) throw makeError(signal);
  const unwatch = onAbort(signal, () => {
    // Many servers let a command run on when its channel closes.
    channel.notify("signal", kill);
    channel.close(makeError(signal));
  });
  void channel.ended.then(unwatch);
}

/**
 * Sends the preparing requests and the command without waiting in between, then waits for the replies. `hasExited` reports whether the
 * server sent an exit report. If so, a missing reply to the command is ignored: paramiko replies from another thread, so its channel may
 * close before the reply.
 */
export async function startSession(
  channel: Channel,
  start: readonly EncodedRequest[],
  hasExited: () => boolean,
): Promise<void> {
  await Promise.all(
    start.map(async ({ type, data, wantReply, refused }, index) => {
      if (!wantReply) return channel.notify(type, data);
      const isLast = index === start.length - 1;
      try {
        await (isLast ? channel.start(type, data) : channel.request(type, data));
      } catch (error) {
        if (isLast && hasExited()) return;
        if (refused === undefined || (error as SshError).code !== "channel-request-failed") throw error;
        refused(error as SshError);
      }
    }),
  );
}
