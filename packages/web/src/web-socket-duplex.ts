import { ClientTunnel, type Hmac, MAX_FIRST_MESSAGE_LENGTH, MAX_SEND_BUFFER, TUNNEL_SUBPROTOCOL } from "@nacre/tunnel";
import { escapeText, SshError, utf8Encode } from "@nacre/wire";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { Duplex } from "nacre";
import { checkOptions, leaveUncaught } from "nacre/extend";
import { bounded } from "./bounded.ts";
import { type HandshakeResult, handshake } from "./handshake.ts";
import { MessageSocket } from "./message-socket.ts";
import { type ConnectionChange, DUPLEX_OPTIONS, type WebSocketDuplexOptions } from "./options.ts";
import { PlainDuplex } from "./plain-duplex.ts";
import { reattachWithin } from "./reattach.ts";
import { TunnelDuplex, type TunnelLink } from "./tunnel-duplex.ts";
import { WEB_SOCKET_SUBPROTOCOLS, type WebSocketConstructor, type WebSocketLike } from "./web-socket.ts";

const CONNECT_TIMEOUT = 15_000;
const SILENCE_TIMEOUT = 80_000;

/**
 * Opens a byte connection to an SSH server through a WebSocket gateway, for `connect` of `nacre` and `nacre/core`. The connection is
 * resumable if the gateway selects the subprotocol "nacre.v1", and plain otherwise.
 *
 * Rejects with `connection-failed`, `connect-timeout`, `gateway-refused`, `connection-lost`, `unexpected-message`, `malformed-message`,
 * `not-supported-here`, `aborted` or `usage`. Everything is closed before it rejects.
 */
export async function webSocketDuplex(options: WebSocketDuplexOptions): Promise<Duplex> {
  return duplexOver(takeSocket({ ...options }), options);
}

/** Opens a WebSocket or uses the `socket` option, and adds listeners. Throws `usage`, `not-supported-here` or `aborted`. */
export function takeSocket(options: WebSocketDuplexOptions): MessageSocket {
  checkOptions(options, DUPLEX_OPTIONS, "webSocketDuplex");
  checkTogether(options);
  const { url, socket, signal } = options;
  if (signal?.aborted) throw new SshError("aborted", "connecting was aborted", { cause: signal.reason });
  return new MessageSocket(socket ?? openSocket(options.WebSocket, String(url)));
}

/** Throws `usage` for options that do not fit together. */
function checkTogether({ url, socket, host, ticket = "" }: WebSocketDuplexOptions): void {
  if ((url === undefined) === (socket === undefined))
    throw new SshError("usage", 'give either url, the gateway\'s "wss://…", or socket, a WebSocket');
  // The first message contains host, ticket and less than 32 further bytes.
  const most = MAX_FIRST_MESSAGE_LENGTH - 32 - utf8Encode(host).length;
  if (typeof ticket !== "string" || utf8Encode(ticket).length > most)
    throw new SshError("usage", `ticket must be a text of at most ${most} bytes`);
}

/** Opens a byte connection over the WebSocket from `takeSocket`, with the same options. Closes the WebSocket before it rejects. */
export async function duplexOver(socket: MessageSocket, options: WebSocketDuplexOptions): Promise<Duplex> {
  const { host, port = 22, ticket = "", connectTimeout = CONNECT_TIMEOUT, signal } = options;
  return bounded(socket, { connectTimeout, signal }, async () => {
    await socket.opened;
    if (socket.protocol !== TUNNEL_SUBPROTOCOL) return new PlainDuplex(socket);
    const tunnel = new ClientTunnel({ ticket, host, port }, { hmac: hmacSha256, growth: { spare: MAX_SEND_BUFFER } });
    const opened = await handshake(tunnel, socket);
    return new TunnelDuplex(tunnel, socket, linkOf(options, socket, opened, connectTimeout));
  });
}

const hmacSha256: Hmac = (key, message) => hmac(sha256, key, message);

/** Opens a WebSocket. Throws `not-supported-here` without a WebSocket class, or `usage` if the class rejects the URL. */
function openSocket(
  WebSocketClass: WebSocketConstructor | undefined = globalThis.WebSocket,
  url: string,
): WebSocketLike {
  if (WebSocketClass === undefined)
    throw new SshError("not-supported-here", "this runtime has no WebSocket: give the option `WebSocket`");
  try {
    return new WebSocketClass(url, [...WEB_SOCKET_SUBPROTOCOLS]);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SshError("usage", `cannot open a WebSocket: ${escapeText(reason)}`, { cause });
  }
}

function linkOf(
  options: WebSocketDuplexOptions,
  socket: MessageSocket,
  opened: HandshakeResult,
  connectTimeout: number,
): TunnelLink {
  const { silenceTimeout = SILENCE_TIMEOUT, onConnectionChange } = options;
  const { address, resumeTime } = opened.type === "opened" ? opened : { address: "", resumeTime: 0 };
  const url = resumeUrl(socket.url, address);
  const report = (change: ConnectionChange): void => {
    try {
      onConnectionChange?.(change);
    } catch (thrown) {
      leaveUncaught(thrown);
    }
  };
  return {
    silenceTimeout: resumeTime === 0 ? 0 : silenceTimeout,
    reattach:
      options.socket === undefined && resumeTime > 0
        ? reattachWithin({ openSocket: () => openSocket(options.WebSocket, url), resumeTime, connectTimeout })
        : undefined,
    onChange: (error) => report(error === undefined ? { type: "restored" } : { type: "lost", error, resumeTime }),
  };
}

/** Returns the URL for attaching again. Throws `malformed-message` if it is not a WebSocket URL, or if it drops encryption. */
function resumeUrl(url: string, address: string): string {
  if (address === "") return url;
  let target: URL | undefined;
  try {
    target = new URL(address, url);
  } catch {
    // The check below reports invalid URLs.
  }
  // rule: web-resume-encrypted
  if (target?.protocol !== "wss:" && !(target?.protocol === "ws:" && url.startsWith("ws:")))
    throw new SshError("malformed-message", `invalid resume address from the gateway: ${escapeText(address)}`);
  return target.href;
}
