import { type Bytes, Reader, SshError, Writer } from "@nacre/wire";

/** Message types (PROTOCOL.mux §11, and mux.c for those of proxy mode and of the extension "info"). */
const TYPE = {
  HELLO: 0x00000001,
  ALIVE_CHECK: 0x10000004,
  TERMINATE: 0x10000005,
  OPEN_FORWARD: 0x10000006,
  CLOSE_FORWARD: 0x10000007,
  STOP_LISTENING: 0x10000009,
  PROXY: 0x1000000f,
  INFO: 0x20000001,
  OK: 0x80000001,
  PERMISSION_DENIED: 0x80000002,
  FAILURE: 0x80000003,
  ALIVE: 0x80000005,
  REMOTE_PORT: 0x80000007,
  PROXY_BEGINS: 0x8000000f,
  INFO_ANSWER: 0x90000001,
} as const;

/** Version of the protocol that OpenSSH has spoken since 5.4, and the only one that Nacre speaks. */
const VERSION = 4;

/** Maximum length of the text about all channels, in bytes: that of a frame. */
const MAX_TEXT = 256 * 1024;

const FORWARD_KINDS = { local: 1, remote: 2, dynamic: 3 } as const;

/** In place of a port: the address is the path of a Unix socket. */
const UNIX_SOCKET = 0xffff_fffe;

/** Target of a forward whose connections name their own by SOCKS. OpenSSH compares it when a forward is cancelled. */
const SOCKS = { host: "socks", port: 0 };

/** Address of one end of a forward. Without a host, OpenSSH listens on loopback, or on all addresses with its GatewayPorts. */
export interface MasterPlace {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** Path of a Unix socket, in place of host and port. */
  readonly path?: string | undefined;
}

/** A forward that a master opens or closes. */
export interface MasterForward {
  readonly kind: keyof typeof FORWARD_KINDS;
  readonly listen: MasterPlace;
  /** `undefined` if each connection names its target by SOCKS. */
  readonly target: MasterPlace | undefined;
}

/** A request to a master. */
export type MasterRequest =
  | { readonly type: "alive-check" | "terminate" | "stop-listening" | "proxy" }
  /** Information of a master about its connection or its channels, if it has the extension "info" (OpenSSH 10.3). */
  | { readonly type: "info"; readonly about: "connection" | "channels" }
  | { readonly type: "open-forward" | "close-forward"; readonly forward: MasterForward };

/** The answer of a master to a request. */
export type MasterAnswer =
  | { readonly type: "ok" }
  | { readonly type: "alive"; readonly processId: number }
  /** The forward is open. The server chose this port. */
  | { readonly type: "remote-port"; readonly port: number }
  /** Lines of untrusted text for the user, which end in CR LF. */
  | { readonly type: "info"; readonly text: string }
  /** The connection carries packets from now on. */
  | { readonly type: "proxy" }
  /** The master's user refused, or the request failed. `reason` is untrusted text. */
  | { readonly type: "denied" | "failed"; readonly reason: string };

const REQUEST_TYPES = {
  "alive-check": TYPE.ALIVE_CHECK,
  terminate: TYPE.TERMINATE,
  "stop-listening": TYPE.STOP_LISTENING,
  proxy: TYPE.PROXY,
  info: TYPE.INFO,
  "open-forward": TYPE.OPEN_FORWARD,
  "close-forward": TYPE.CLOSE_FORWARD,
} as const;

/** Encodes the first message, without its length field. */
export function encodeHello(): Bytes {
  return new Writer().uint32(TYPE.HELLO).uint32(VERSION).finish();
}

/**
 * Decodes the first message of a master, and returns the names of its extensions. Throws `protocol-version` if it speaks another version,
 * `unexpected-message` for any other message, and `malformed-message`.
 */
export function decodeHello(message: Uint8Array): ReadonlySet<string> {
  const reader = new Reader(message, "MUX_MSG_HELLO");
  const type = reader.uint32("type");
  if (type !== TYPE.HELLO) throw unexpected(type);
  const version = reader.uint32("version");
  // rule: master-version
  if (version !== VERSION)
    throw new SshError(
      "protocol-version",
      `Unsupported multiplexing protocol version ${version} (expected ${VERSION})`,
    );
  const extensions = new Set<string>();
  while (reader.remaining > 0) {
    extensions.add(reader.text("extension name"));
    reader.string("extension value");
  }
  return extensions;
}

/** Encodes a request without its length field. `id` is repeated in the answer. */
export function encodeRequest(request: MasterRequest, id: number): Bytes {
  const writer = new Writer().uint32(REQUEST_TYPES[request.type]).uint32(id);
  if (request.type === "info") writer.string(request.about);
  if ("forward" in request) {
    const { kind, listen, target = SOCKS } = request.forward;
    writer.uint32(FORWARD_KINDS[kind]);
    writePlace(writer, listen);
    writePlace(writer, target);
  }
  return writer.finish();
}

/**
 * Decodes the answer to the request `id`. Throws `unexpected-message` for another type or the answer to another request, and
 * `malformed-message` for invalid fields and bytes left over.
 */
export function decodeAnswer(message: Uint8Array, id: number): MasterAnswer {
  const reader = new Reader(message, "the master's answer");
  const type = reader.uint32("type");
  const answered = reader.uint32("request id");
  // rule: master-answer-id
  if (answered !== id)
    throw new SshError("unexpected-message", `the master answered request ${answered} in place of ${id}`);
  const answer = readAnswer(type, reader);
  // rule: master-answer-end
  reader.end();
  return answer;
}

function readAnswer(type: number, reader: Reader): MasterAnswer {
  switch (type) {
    case TYPE.OK:
      return { type: "ok" };
    case TYPE.ALIVE:
      return { type: "alive", processId: reader.uint32("process id") };
    case TYPE.REMOTE_PORT: {
      const port = reader.uint32("port");
      if (port < 1 || port > 65535) reader.fail("port", `${port} is not a port`);
      return { type: "remote-port", port };
    }
    case TYPE.PROXY_BEGINS:
      return { type: "proxy" };
    case TYPE.INFO_ANSWER: {
      const isKnown = reader.uint32("status") !== 0;
      const text = reader.text("text", MAX_TEXT);
      return isKnown ? { type: "info", text } : { type: "failed", reason: text };
    }
    case TYPE.PERMISSION_DENIED:
      return { type: "denied", reason: reader.text("reason") };
    case TYPE.FAILURE:
      return { type: "failed", reason: reader.text("reason") };
    default:
      throw unexpected(type);
  }
}

function writePlace(writer: Writer, { host = "", port = 0, path }: MasterPlace): void {
  writer.string(path ?? host).uint32(path === undefined ? port : UNIX_SOCKET);
}

function unexpected(type: number): SshError {
  return new SshError("unexpected-message", `the master sent an unexpected message, 0x${type.toString(16)}`);
}
