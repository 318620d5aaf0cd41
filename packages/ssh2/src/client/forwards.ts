import {
  directStreamlocal,
  forwardedStreamlocal,
  streamlocalForward,
  tcpipChannel,
  tcpipForward,
  tcpipForwardReply,
} from "@nacre/wire";
import type { Channel } from "../channel/channel.ts";
import { openStream } from "../channel/open-channel.ts";
import type { ConnectionMux } from "../connection.ts";
import { toText } from "./arguments.ts";
import { acceptChannels } from "./channel-opens.ts";
import type { ClientConnection } from "./client-connection.ts";
import { ask, askOpenSsh, type Done, given, ifOpenSsh } from "./global-requests.ts";

/**
 * Opens a connection from the server to an address. `callback` gets the channel in the turn of the answer. Throws "Not connected", and a
 * `TypeError` for addresses that are not text.
 */
export function forwardOut(
  client: ClientConnection,
  sourceAddress: string,
  sourcePort: number,
  address: string,
  port: number,
  callback?: (error: Error | undefined, channel: Channel) => void,
): void {
  const data = tcpipChannel.encode({
    address: toText(address, "dstIP"),
    port: port >>> 0,
    originatorAddress: toText(sourceAddress, "srcIP"),
    originatorPort: sourcePort >>> 0,
  });
  openStream(client, "direct-tcpip", data, streamCallback(callback));
}

/**
 * Lets the server listen on an address, and emits "tcp connection" for each connection. Without a callback no reply is requested, and
 * incoming connections are refused, as in ssh2. Throws "Not connected", and a `TypeError` for an address that is not text.
 */
export function forwardIn(
  client: ClientConnection,
  address: string,
  port: number,
  callback?: (error: Error | undefined, port: number) => void,
): void {
  const data = tcpipForward.encode({ address: toText(address, "bindAddr"), port: port >>> 0 });
  const back = given(callback);
  // The reply may arrive after `connect` has begun another table.
  const forwarding = (client._forwarding ??= {});
  ask(
    client,
    "tcpip-forward",
    data,
    `Unable to bind to ${address}:${port}`,
    back &&
      ((error, reply) => {
        if (error !== undefined) return (back as Done)(error);
        const bound = port === 0 && reply.length >= 4 ? tcpipForwardReply.decode(reply.subarray(0, 4)).port : port;
        // OpenSSH 5 names port 0 in its connections.
        const named = /^OpenSSH_5\.\d/.test(client._remoteVer ?? "") ? port : bound;
        forwarding[`${address}:${named}`] = bound;
        back(undefined, bound);
      }),
    (mux) => acceptConnections(client, mux),
  );
}

/** Ends `forwardIn` of an address and port. */
export function unforwardIn(client: ClientConnection, address: string, port: number, callback?: Done): void {
  const data = tcpipForward.encode({ address: toText(address, "bindAddr"), port: port >>> 0 });
  const back = given(callback);
  ask(
    client,
    "cancel-tcpip-forward",
    data,
    `Unable to unbind from ${address}:${port}`,
    back &&
      ((error) => {
        if (error !== undefined) return back(error);
        delete client._forwarding?.[`${address}:${port}`];
        back();
      }),
  );
}

/** Opens a connection from the server to a Unix socket there. */
export function forwardOutPath(
  client: ClientConnection,
  path: string,
  callback?: (error: Error | undefined, channel: Channel) => void,
): void {
  const reserved = new Uint8Array(0);
  const data = directStreamlocal.encode({ path: toText(path, "socketPath"), reserved, reservedNumber: 0 });
  const failed = given(callback) as Done | undefined;
  ifOpenSsh(client, failed, () => openStream(client, "direct-streamlocal@openssh.com", data, streamCallback(callback)));
}

/** Lets the server listen on a Unix socket, and emits "unix connection" for each connection. */
export function forwardInPath(client: ClientConnection, path: string, callback?: Done): void {
  const data = streamlocalForward.encode({ path: toText(path, "socketPath") });
  const forwarding = (client._forwardingUnix ??= {});
  const granted = (): void => {
    forwarding[path] = true;
  };
  askOpenSsh(client, "streamlocal-forward@openssh.com", data, `Unable to bind to ${path}`, callback, granted, (mux) =>
    acceptPathConnections(client, mux),
  );
}

/** Ends `forwardInPath` of a path. */
export function unforwardInPath(client: ClientConnection, path: string, callback?: Done): void {
  const data = streamlocalForward.encode({ path: toText(path, "socketPath") });
  const granted = (): void => {
    delete client._forwardingUnix?.[path];
  };
  const refusal = `Unable to unbind from ${path}`;
  askOpenSsh(client, "cancel-streamlocal-forward@openssh.com", data, refusal, callback, granted);
}

/** Returns the own property of this name. The server chooses the name, so inherited properties must not be found. */
function own<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}

/** Emits "tcp connection" for connections to addresses that were requested, and refuses others. */
function acceptConnections(client: ClientConnection, mux: ConnectionMux): void {
  acceptChannels(client, mux, "forwarded-tcpip", (data) => {
    const { address, port, originatorAddress, originatorPort } = tcpipChannel.decode(data);
    const bound = own(client._forwarding, `${address}:${port}`);
    if (bound === undefined) return undefined;
    const destPort = port === 0 ? bound : port;
    const info = { destIP: address, destPort, srcIP: originatorAddress, srcPort: originatorPort };
    return ({ accept, reject }) => client.emit("tcp connection", info, accept, reject);
  });
}

function acceptPathConnections(client: ClientConnection, mux: ConnectionMux): void {
  acceptChannels(client, mux, "forwarded-streamlocal@openssh.com", (data) => {
    const { path } = forwardedStreamlocal.decode(data);
    if (own(client._forwardingUnix, path) === undefined) return undefined;
    return ({ accept, reject }) => client.emit("unix connection", { socketPath: path }, accept, reject);
  });
}

/** Returns a callback for `openStream` that calls `callback` if it is a function. */
function streamCallback(callback: unknown): (error: Error | undefined, channel?: Channel) => void {
  return typeof callback === "function" ? (error, channel) => callback(error, channel) : () => {};
}
