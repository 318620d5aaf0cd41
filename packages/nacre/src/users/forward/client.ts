import type { Channel } from "../../mux/channel.ts";
import type { StreamKind, StreamTypes } from "../../streams/stream-kind.ts";
import { type WebPair, type WebStreams, webStreams } from "../../streams/web-streams.ts";
import { withCaller } from "../../with-caller.ts";
import { type Client, connectionOf } from "../client/client.ts";
import { channelPair } from "./channel-pair.ts";
import { type DialOptions, dialOver } from "./dial.ts";
import { type ListenAddress, type RemoteListener, RemoteListeners } from "./remote-listener.ts";
import type { ForwardTarget } from "./target.ts";

/**
 * Connects from the server to a TCP port or a Unix socket, and returns the connection as a pair of byte streams (RFC 4254 §7.2, OpenSSH
 * PROTOCOL §2.4). `streams` makes streams of another kind than Web streams.
 *
 * Rejects with `forward-denied` if the server prohibits it, `forward-unreachable` if it cannot connect, `forward-unsupported` if it does
 * not support the channel type, `forward-limit` if it is short of resources, or `channel-open-failed` for another reason. Also rejects with
 * `channel-limit`, `aborted`, `usage`, or the error that ended the connection.
 */
export function dial(client: Client, target: ForwardTarget, options?: DialOptions): Promise<WebPair>;
export function dial<K extends StreamTypes>(
  client: Client,
  target: ForwardTarget,
  options: DialOptions | undefined,
  streams: StreamKind<K>,
): Promise<K["pair"]>;
export async function dial(
  client: Client,
  target: ForwardTarget,
  options?: DialOptions,
  streams: StreamKind<StreamTypes> = webStreams,
): Promise<unknown> {
  try {
    return channelPair(await dialChannel(client, target, options), streams);
  } catch (error) {
    throw withCaller(error);
  }
}

/** Connects as {@link dial} does, but returns the channel, for callbacks instead of streams. Rejects as `dial` does. */
export async function dialChannel(client: Client, target: ForwardTarget, options?: DialOptions): Promise<Channel> {
  return dialOver(connectionOf(client).driver.mux, target, options);
}

/**
 * Makes the server listen (RFC 4254 §7.1, OpenSSH PROTOCOL §2.4). Iterate the returned listener to receive connections. With port 0 the
 * server chooses the port. `streams` makes streams of another kind than Web streams. Rejects with `forward-denied` if the server refuses,
 * `usage`, or the error that ended the connection. Waits for the answer as long as the connection lasts; the keepalive ends it if the
 * server sends nothing.
 */
export function listen(client: Client, address: ListenAddress): Promise<RemoteListener<WebStreams>>;
export function listen<K extends StreamTypes>(
  client: Client,
  address: ListenAddress,
  streams: StreamKind<K>,
): Promise<RemoteListener<K>>;
export async function listen(
  client: Client,
  address: ListenAddress,
  streams: StreamKind<StreamTypes> = webStreams,
): Promise<unknown> {
  return listenersOf(client).listen(address, streams);
}

/** Listeners on the server by client; made when a client first uses them. */
const listeners: WeakMap<Client, RemoteListeners> = /* @__PURE__ */ new WeakMap();

/** Returns the listeners of a client on its server, with callbacks. */
export function listenersOf(client: Client): RemoteListeners {
  const made = listeners.get(client) ?? new RemoteListeners(connectionOf(client).driver.mux, client.ended);
  listeners.set(client, made);
  return made;
}
