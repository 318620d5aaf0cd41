import { connect as dial, type NetConnectOpts, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { fingerprint, generateEd25519 } from "@nacre/keys";
import type { PrivateKey } from "@nacre/keys/internal";
import { CHANNEL_OPEN_FAILURE_REASON, directStreamlocal, SshError, tcpipChannel } from "@nacre/wire";
import { type ForwardTarget, formatTarget, type PeerOpen } from "nacre/extend";
import { bridge } from "nacre/internal-on-demand";
import { onTestFinished } from "vitest";
import { type Client, connect, type Forward } from "../../src/index.ts";
import { listen } from "../../src/listen/listen.ts";
import type { SshServer } from "../../src/listen/ssh-server.ts";
import { socketDuplex } from "../../src/net/socket-duplex.ts";
import { counting } from "../support.ts";

export const hostKey: PrivateKey = generateEd25519(counting);
const userKey = generateEd25519((length) => Uint8Array.from({ length }, (_, i) => i + 2));

/** A client and a server that connects to the targets of direct-tcpip and direct-streamlocal channels. */
export interface Forwarded {
  readonly ssh: Client;
  readonly server: SshServer;
  /** Requested targets in order, such as `"localhost:80"`. */
  readonly targets: string[];
  /** Closes both. */
  readonly disconnect: () => Promise<void>;
}

/** `onOpen` handles a channel open instead of the server. */
export async function forwarded(
  onOpen: (open: PeerOpen, target: ForwardTarget) => void = connectTo,
): Promise<Forwarded> {
  const targets: string[] = [];
  const opened = (open: PeerOpen, target: ForwardTarget): void => {
    targets.push(formatTarget(target));
    onOpen(open, target);
  };
  const types = ["direct-tcpip", "direct-streamlocal@openssh.com"] as const;
  const server = await listen({
    port: 0,
    hostKeys: [hostKey],
    authenticate: () => ({ permissions: { channels: types } }),
    channels: {
      [types[0]]: (open) => {
        const { address: host, port } = tcpipChannel.decode(open.data);
        opened(open, { host, port });
      },
      [types[1]]: (open) => opened(open, { path: directStreamlocal.decode(open.data).path }),
    },
  });
  const ssh = await clientOf(server);
  const disconnect = async (): Promise<void> => {
    await ssh.close();
    await server.close();
  };
  onTestFinished(disconnect);
  return { ssh, server, targets, disconnect };
}

/** Logs in to a server with `hostKey`. */
export function clientOf(server: SshServer): Promise<Client> {
  return connect({
    host: "127.0.0.1",
    port: server.address.port,
    user: "alice",
    identities: [userKey],
    agent: false,
    hostKey: fingerprint(hostKey.publicKey.blob, "sha256"),
  });
}

/** Connects a channel to its target, like a server. */
export function connectTo(open: PeerOpen, target: ForwardTarget): void {
  const socket = dial({ ...placeOf(target), allowHalfOpen: true });
  const refuse = (): void => open.reject(CHANNEL_OPEN_FAILURE_REASON.CONNECT_FAILED, "Connection refused");
  socket.once("error", refuse);
  socket.once("connect", () => {
    socket.off("error", refuse);
    const channel = open.accept();
    if (channel === undefined) socket.destroy();
    else void bridge(channel, socketDuplex(socket), new AbortController().signal);
  });
}

/** Refuses a channel as administratively prohibited. */
export function prohibit(open: PeerOpen): void {
  open.reject(CHANNEL_OPEN_FAILURE_REASON.ADMINISTRATIVELY_PROHIBITED, "no");
}

/** Opens a connection of a local client to a forward. */
export function connectLocally({ port = 0, path }: Pick<Forward, "port" | "path">, host = "127.0.0.1"): Socket {
  const target: ForwardTarget = path === undefined ? { host, port } : { path };
  const socket = dial({ ...placeOf(target), allowHalfOpen: true });
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

function placeOf({ host, port, path }: ForwardTarget): NetConnectOpts {
  return path === undefined ? { host, port } : { path };
}

/** Sends `request`, ends the output, and returns the whole answer. */
export function ask(socket: Socket, request: string | Uint8Array): Promise<string> {
  socket.end(request);
  return text(socket);
}

/** Replies after the client's EOF, which requires a connection with half-close. */
export function answerAfterEnd(socket: Socket): void {
  socket.allowHalfOpen = true;
  let request = "";
  socket.on("data", (chunk) => {
    request += chunk;
  });
  socket.on("end", () => socket.end(`got ${request}`));
}

/** Returns an `onError` callback and the codes of the errors passed to it. */
export function errorCodes(): { readonly codes: string[]; readonly onError: (error: SshError) => void } {
  const codes: string[] = [];
  return { codes, onError: (error) => codes.push(error instanceof SshError ? error.code : String(error)) };
}
