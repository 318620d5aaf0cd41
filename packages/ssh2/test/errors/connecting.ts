import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import ssh2, { type Algorithms, type Connection, type ParsedKey } from "ssh2";
import type { Peers } from "../parity/case.ts";
import { serve, serveAnybody, serveSockets } from "../parity/client-peers.ts";
import { ed25519Pair } from "../parity/made-keys.ts";
import {
  closedPort,
  errorOf,
  type Provocations,
  type Provoke,
  setVariable,
  throughProxy,
  thrownBy,
} from "./provoking.ts";

const KEY = ed25519Pair();
/** SSH_AGENT_FAILURE. */
export const AGENT_FAILURE: Buffer = Buffer.from([0, 0, 0, 1, 5]);

/** Calls `connect` with options that it throws for. */
function connecting(config: object): Provoke {
  return ({ Client }, peers) => {
    const client = new Client();
    // ssh2 has no options that are refused here, and connects.
    client.on("error", () => {});
    peers.after(() => client.destroy());
    return thrownBy(() => client.connect({ host: "127.0.0.1", port: 1, username: "alice", ...config }));
  };
}

export const connectThrows: Provocations = {
  "Invalid username": connecting({ username: undefined }),
  "Cannot parse privateKey: …": connecting({ privateKey: "no key" }),
  "privateKey value does not contain a (valid) private key": connecting({ privateKey: KEY.public }),
  "You must set a valid agent path to allow agent forwarding": connecting({ agentForward: true }),
  "Unsupported algorithm: NAME": connecting({ algorithms: { cipher: ["rot13"] } }),
  "Invalid `hostKeys`: VALUE; expected strict, known, warn, off": connecting({ hostKeys: "loose" }),
  "Invalid NACRE_SSH2_HOST_KEYS: VALUE; expected strict, known, warn, off": (implementation, peers) => {
    setVariable(peers, "NACRE_SSH2_HOST_KEYS", "loose");
    return connecting({})(implementation, peers);
  },
  "NACRE_SSH2_MIN_RSA is VALUE; set it to a number of bits from 1024 to 16384": (implementation, peers) => {
    setVariable(peers, "NACRE_SSH2_MIN_RSA", "12");
    return connecting({})(implementation, peers);
  },
  "`NAME` must be …": connecting({ limits: { authTimeout: -1 } }),
};

/** Connects to a server whose socket does this. */
function scripted(script: (socket: Socket) => void, config: object = {}): Provoke {
  return async (implementation, peers) =>
    errorOf(implementation, peers, { ...(await serveSockets(peers, script)), ...config });
}

/** Connects to a server that offers other algorithms. */
function mismatched(server: Algorithms, client: Algorithms): Provoke {
  return async (implementation, peers) =>
    errorOf(implementation, peers, { ...(await serveAnybody(peers, { algorithms: server })), algorithms: client });
}

/** Connects to a server that disconnects with a reason. */
function disconnected(reason: number, description = ""): Provoke {
  return async (implementation, peers) => {
    const target = await serve(peers, (connection) => {
      connection.on("authentication", (context) => context.accept());
      connection.on("ready", () => disconnect(connection, reason, description));
    });
    return errorOf(implementation, peers, target);
  };
}

/** Sends SSH_MSG_DISCONNECT. The method of ssh2's server sends no text, and no unknown reason. */
function disconnect(connection: Connection, reason: number, description: string): void {
  const { _packetRW: packets, _cipher: cipher } = (connection as unknown as { readonly _protocol: ProtocolParts })
    ._protocol;
  const length = Buffer.byteLength(description);
  const start = packets.write.allocStart;
  const packet = packets.write.alloc(13 + length);
  packet[start] = 1;
  packet.writeUInt32BE(reason, start + 1);
  packet.writeUInt32BE(length, start + 5);
  packet.write(description, start + 9);
  packet.writeUInt32BE(0, start + 9 + length);
  cipher.encrypt(packets.write.finalize(packet));
}

/** Inner parts of ssh2's server that encode and send a message. */
interface ProtocolParts {
  readonly _packetRW: {
    readonly write: {
      readonly allocStart: number;
      alloc(length: number): Buffer;
      finalize(packet: Buffer): Buffer;
    };
  };
  readonly _cipher: { encrypt(packet: Buffer): void };
}

/** Connects with an agent to a server that accepts only keys. */
function withAgent(script: (socket: Socket) => void): Provoke {
  return async (implementation, peers) => {
    const target = await serve(peers, (connection) => refuse(connection, ["publickey"]));
    const agent = await agentAt(peers, script);
    return errorOf(implementation, peers, { ...target, agent });
  };
}

/** Refuses every login of a connection. */
function refuse(connection: Connection, methods: ["publickey"] | ["password"]): void {
  connection.on("authentication", (context) => context.reject(methods));
}

/** Listens on a Unix socket, and resolves with its path. */
export async function agentAt(peers: Peers, script: (socket: Socket) => void): Promise<string> {
  const path = join(peers.folder, "agent");
  const server = createServer((socket) => {
    socket.on("error", () => {});
    script(socket);
  });
  await new Promise<void>((resolve) => void server.listen(path, resolve));
  peers.after(() => new Promise((resolve) => void server.close(resolve)));
  return path;
}

export const clientErrors: Provocations = {
  "All configured authentication methods failed": async (implementation, peers) =>
    errorOf(implementation, peers, {
      ...(await serve(peers, (connection) => refuse(connection, ["password"]))),
      password: "wrong",
    }),
  "connect ECONNREFUSED ADDRESS": async (implementation, peers) => {
    const error = (await errorOf(implementation, peers, { port: await closedPort() })) as Error;
    error.message = error.message.replace(/:\d+$/, ":PORT");
    return error;
  },
  "read ECONNRESET": scripted((socket) => {
    socket.write("SSH-2.0-Test\r\n");
    socket.once("data", () => socket.resetAndDestroy());
  }),
  "getaddrinfo ENOTFOUND HOST": (implementation, peers) => errorOf(implementation, peers, { host: "nobody.invalid" }),
  "Error while looking up IPv4 address for 'HOST': …": (implementation, peers) =>
    errorOf(implementation, peers, { host: "nobody.invalid", forceIPv4: true }),
  "Error while looking up IPv6 address for 'HOST': …": (implementation, peers) =>
    errorOf(implementation, peers, { host: "nobody.invalid", forceIPv6: true }),
  "Timed out while waiting for handshake": scripted(() => {}, { readyTimeout: 50 }),
  "Keepalive timeout": async (implementation, peers) => {
    const sockets: Socket[] = [];
    const target = await serve(peers, (connection) => {
      connection.on("authentication", (context) => context.accept());
      connection.on("ready", () => sockets.push((connection as unknown as { _sock: Socket })._sock));
    });
    return errorOf(implementation, peers, { ...target, keepaliveInterval: 20, keepaliveCountMax: 2 }, (client) => {
      client.on("ready", () => setImmediate(() => sockets[0]?.pause()));
    });
  },
  "Host denied (verification failed)": async (implementation, peers) =>
    errorOf(implementation, peers, { ...(await serveAnybody(peers)), hostVerifier: () => false }),
  "Handshake failed: no matching key exchange algorithm": mismatched(
    { kex: ["diffie-hellman-group14-sha256"] },
    { kex: ["curve25519-sha256"] },
  ),
  "Handshake failed: no matching host key format": mismatched(
    { serverHostKey: ["ssh-ed25519"] },
    { serverHostKey: ["ecdsa-sha2-nistp256"] },
  ),
  "Handshake failed: no matching C->S cipher": mismatched({ cipher: ["aes128-ctr"] }, { cipher: ["aes256-ctr"] }),
  "Handshake failed: no matching C->S MAC": mismatched(
    { cipher: ["aes128-ctr"], hmac: ["hmac-sha2-256"] },
    { cipher: ["aes128-ctr"], hmac: ["hmac-sha2-512"] },
  ),
  "Handshake failed: signature verification failed": async (implementation, peers) => {
    const key = ssh2.utils.parseKey(ed25519Pair().private) as ParsedKey;
    const sign = key.sign.bind(key);
    key.sign = () => sign("other data");
    return errorOf(implementation, peers, await serveAnybody(peers, { hostKeys: [{ key }] }));
  },
  "Connection lost before handshake": scripted((socket) => socket.end()),
  "Invalid identification string": scripted((socket) => socket.write("SSH-3.0-Test\r\n")),
  "Max greeting lines exceeded": scripted((socket) => socket.write("line\r\n".repeat(1100))),
  "Header line too long": scripted((socket) => socket.write("x".repeat(10_000))),
  "Bad packet length": scripted((socket) => {
    socket.once("data", () => socket.write(Buffer.from(`SSH-2.0-Test\r\n${"\x7f".repeat(32)}`, "latin1")));
  }),
  "Invalid MAC": async (implementation, peers) => {
    const algorithms: Algorithms = { cipher: ["aes128-ctr"], hmac: ["hmac-sha2-256"] };
    const target = await serveAnybody(peers, { algorithms });
    let isReady = false;
    const port = await throughProxy(peers, target.port, (bytes) => {
      if (isReady) bytes[bytes.length - 1]! ^= 1;
      return bytes;
    });
    return errorOf(implementation, peers, { ...target, port, algorithms }, (client) => {
      client.on("ready", () => {
        isReady = true;
        client.exec("true", () => {});
      });
    });
  },
  "Failed to connect to agent": async (implementation, peers) =>
    errorOf(implementation, peers, {
      ...(await serve(peers, (connection) => refuse(connection, ["publickey"]))),
      agent: join(peers.folder, "none"),
    }),
  "No reply from server": withAgent((socket) => void socket.once("data", () => socket.end())),
  "Agent responded with failure": withAgent((socket) => void socket.once("data", () => socket.write(AGENT_FAILURE))),
  "the server's text, if it sends one": disconnected(2, "the server's text, if it sends one"),
  PROTOCOL_ERROR: disconnected(2),
  TOO_MANY_CONNECTIONS: disconnected(12),
  "Unexpected disconnection reason: NUMBER": disconnected(99),
};
