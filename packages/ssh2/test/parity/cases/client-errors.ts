import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import ssh2 from "ssh2";
import type { Case, Ssh2 } from "../case.ts";
import { closed, HOST_KEY, serve, serveAnybody, serveSockets, watch } from "../client-peers.ts";
import { ed25519Pair } from "../made-keys.ts";

const section = "client: errors";
const PUBLIC_KEY = ed25519Pair().public;
const ENCRYPTED = ed25519Pair({
  passphrase: "secret",
  cipher: "aes256-ctr",
  rounds: 16,
}).private;

const LATE = { error: "Timed out while waiting for handshake", level: "client-timeout" };
const LOST = { error: "Connection lost before handshake", level: "protocol" };

type Config = Parameters<InstanceType<Ssh2["Client"]>["connect"]>[0];

/** A case in which `connect` throws. */
function thrown(name: string, config: Record<string, unknown>): Case {
  return {
    name,
    section,
    async run({ Client }, record) {
      try {
        new Client().connect({ host: "127.0.0.1", port: 1, ...config });
        record("nothing thrown");
      } catch (error) {
        record("thrown", error);
      }
    },
  };
}

/** A case whose server is a socket. */
function scripted(name: string, script: (socket: Socket) => void, config: Config = {}): Case {
  return {
    name,
    section,
    async run({ Client }, record, peers) {
      const target = await serveSockets(peers, script);
      const client = new Client();
      watch(client, record, peers);
      const over = closed(client);
      client.connect({ ...target, ...config });
      await over;
    },
  };
}

/** A case whose server offers other algorithms than the client. */
function mismatched(what: string, server: object, client: object): Case {
  return {
    name: `no common ${what}`,
    section,
    async run({ Client }, record, peers) {
      const target = await serveAnybody(peers, { algorithms: server });
      const one = new Client();
      watch(one, record, peers);
      const over = closed(one);
      one.connect({ ...target, algorithms: client });
      await over;
    },
  };
}

/** A case in which the client decides about the host key. `verifier` gets a function that records. */
function verified(name: string, options: (record: (...values: unknown[]) => void) => Config): Case {
  return {
    name,
    section,
    async run({ Client }, record, peers) {
      const target = await serveAnybody(peers);
      const client = new Client();
      watch(client, record, peers);
      client.on("ready", () => client.end());
      const over = closed(client);
      client.connect({ ...target, ...options((...values) => record("hostVerifier", ...values)) });
      await over;
    },
  };
}

/** Digest of the host key, to record whether the verifier got it. */
function isDigest(hash: string, key: unknown): boolean {
  const parsed = ssh2.utils.parseKey(HOST_KEY);
  if (parsed instanceof Error) throw parsed;
  const one = Array.isArray(parsed) ? parsed[0]! : parsed;
  return key === createHash(hash).update(one.getPublicSSH()).digest("hex");
}

export const cases: readonly Case[] = [
  thrown("without a user name", {}),
  thrown("a user name that is no text", { username: 7 }),
  thrown("a private key that is none", { username: "alice", privateKey: "no key" }),
  thrown("an empty private key", { username: "alice", privateKey: Buffer.alloc(0) }),
  thrown("a public key in place of a private one", { username: "alice", privateKey: PUBLIC_KEY }),
  thrown("an encrypted key without its passphrase", { username: "alice", privateKey: ENCRYPTED }),
  thrown("an encrypted key with another passphrase", { username: "alice", privateKey: ENCRYPTED, passphrase: "other" }),
  thrown("agentForward without an agent", { username: "alice", agentForward: true }),
  thrown("an unknown algorithm", { username: "alice", algorithms: { cipher: ["rot13"] } }),
  {
    name: "a port that nobody listens on",
    section,
    async run({ Client }, record, peers) {
      const free = createServer().listen(0, "127.0.0.1");
      await once(free, "listening");
      const { port } = free.address() as { port: number };
      free.close();
      await once(free, "close");
      const client = new Client();
      peers.after(() => client.destroy());
      client.on("error", ({ message, level, code }: Error & { level?: string; code?: string }) =>
        record("error", message.replace(String(port), "PORT"), level, code),
      );
      client.on("end", () => record("end"));
      client.on("close", () => record("close"));
      const over = closed(client);
      client.connect({ host: "127.0.0.1", port, username: "alice" });
      await over;
    },
  },
  {
    name: "a name without an address",
    section,
    async run({ Client }, record, peers) {
      for (const forceIPv6 of [false, true]) {
        const client = new Client();
        watch(client, record, peers);
        const over = closed(client);
        client.connect({ host: "nobody.invalid", username: "alice", forceIPv6 });
        await over;
      }
    },
  },
  {
    ...scripted("a server that says nothing", () => {}, { readyTimeout: 50 }),
    differs: "errors after the first",
    expected: {
      ssh2: [["connect"], ["error", LATE], ["error", LOST], ["close"]],
      nacre: [["connect"], ["error", LATE], ["close"]],
    },
  },
  scripted("a server that hangs up at once", (socket) => socket.end()),
  scripted("a server that resets the connection", (socket) => {
    socket.write("SSH-2.0-Test\r\n");
    socket.once("data", () => socket.resetAndDestroy());
  }),
  scripted("a server that is none", (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
  scripted("a server that ends after its name", (socket) => {
    socket.once("data", () => socket.end("SSH-2.0-Test\r\n"));
  }),
  mismatched("key exchange method", { kex: ["diffie-hellman-group14-sha256"] }, { kex: ["curve25519-sha256"] }),
  mismatched("host key type", { serverHostKey: ["ssh-ed25519"] }, { serverHostKey: ["ecdsa-sha2-nistp256"] }),
  mismatched("cipher", { cipher: ["aes128-ctr"] }, { cipher: ["aes256-ctr"] }),
  mismatched(
    "MAC",
    { cipher: ["aes128-ctr"], hmac: ["hmac-sha2-256"] },
    { cipher: ["aes128-ctr"], hmac: ["hmac-sha2-512"] },
  ),
  verified("hostVerifier accepts", (record) => ({
    hostVerifier: (key: Buffer) => {
      record(Buffer.isBuffer(key), key.includes("ssh-ed25519"));
      return true;
    },
  })),
  verified("hostVerifier refuses", (record) => ({
    hostVerifier: (key: Buffer) => {
      record(Buffer.isBuffer(key));
      return false;
    },
  })),
  verified("hostVerifier accepts later, a digest", (record) => ({
    hostHash: "sha256",
    hostVerifier: (key: unknown, verify: (isPermitted: boolean) => void) => {
      record(isDigest("sha256", key));
      setImmediate(() => verify(true));
    },
  })),
  verified("hostVerifier refuses later, an MD5 digest", (record) => ({
    hostHash: "md5",
    hostVerifier: (key: unknown, verify: (isPermitted: boolean) => void) => {
      record(isDigest("md5", key));
      setImmediate(() => verify(false));
    },
  })),
  {
    name: "a server that stops answering keepalives",
    section,
    async run({ Client }, record, peers) {
      const sockets: Socket[] = [];
      const target = await serve(peers, (connection) => {
        connection.on("authentication", (context) => context.accept());
        connection.on("ready", () => sockets.push((connection as unknown as { _sock: Socket })._sock));
      });
      const client = new Client();
      watch(client, record, peers);
      client.on("ready", () => setImmediate(() => sockets[0]?.pause()));
      const over = closed(client);
      client.connect({ ...target, keepaliveInterval: 20, keepaliveCountMax: 2 });
      await over;
    },
  },
  {
    name: "a disconnect with a reason",
    section,
    async run({ Client }, record, peers) {
      for (const reason of [2, 4, 11, 12, 13, 99]) {
        const target = await serve(peers, (connection) => {
          connection.on("authentication", (context) => context.accept());
          connection.on("ready", () => {
            (connection as unknown as { _protocol: { disconnect(reason: number): void } })._protocol.disconnect(reason);
          });
        });
        const client = new Client();
        watch(client, record, peers);
        const over = closed(client);
        client.connect(target);
        await over;
      }
    },
  },
];
