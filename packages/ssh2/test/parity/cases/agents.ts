import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import ssh2, { type AgentInboundRequest, type ParsedKey } from "ssh2";
import type { Case, Peers, Recorder, Ssh2 } from "../case.ts";
import { ed25519Pair } from "../made-keys.ts";

const section = "agents and http";

const ED25519 = ed25519Pair({ comment: "ed" });
const RSA = ssh2.utils.generateKeyPairSync("rsa", { bits: 2048, comment: "rsa" });
const ECDSA = ssh2.utils.generateKeyPairSync("ecdsa", { bits: 256 });
const FAILURE = "0000000105";
const LIST = "000000010b";
const DATA = Buffer.from("data to sign");

function keyOf({ public: line }: { readonly public: string }, implementation: Ssh2 = ssh2): ParsedKey {
  return implementation.utils.parseKey(line) as ParsedKey;
}

/** Returns a message of the agent protocol in hex: its type, and strings. */
function message(type: number, ...parts: readonly (Buffer | number)[]): string {
  const fields = parts.map((part) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(typeof part === "number" ? part : part.length);
    return typeof part === "number" ? length : Buffer.concat([length, part]);
  });
  const body = Buffer.concat([Buffer.from([type]), ...fields]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]).toString("hex");
}

/** Starts a server on a Unix socket. Resolves with its path. */
async function serveSocket(peers: Peers, accept: (socket: Socket) => void): Promise<string> {
  const path = join(peers.folder, "agent");
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => {});
    accept(socket);
  });
  server.listen(path);
  await once(server, "listening");
  peers.after(async () => {
    const closed = once(server, "close");
    server.close();
    for (const socket of open) socket.destroy();
    await closed;
  });
  return path;
}

/** Calls both methods of an agent, and records what they pass. */
async function recordCalls(record: Recorder, agent: InstanceType<Ssh2["OpenSSHAgent"]>, key: ParsedKey): Promise<void> {
  await new Promise<void>((resolve) => {
    agent.getIdentities((error, keys) => {
      record(
        "identities",
        error,
        keys?.map((one) => [(one as ParsedKey).type, (one as ParsedKey).comment]),
      );
      resolve();
    });
  });
  await new Promise<void>((resolve) => {
    agent.sign(key, DATA, (error, signature) => resolve(record("signature", error, signature)));
  });
}

/** A case whose agent does `script` to each connection. */
function scripted(name: string, script: (socket: Socket) => void): Case {
  return {
    name: `OpenSSHAgent: ${name}`,
    section,
    async run(implementation, record, peers) {
      const path = await serveSocket(peers, script);
      await recordCalls(record, new implementation.OpenSSHAgent(path), keyOf(ED25519, implementation));
    },
  };
}

/** Answers the first request of a connection with a message in hex. */
function answering(hex: string): (socket: Socket) => void {
  return (socket) => socket.once("data", () => socket.write(Buffer.from(hex, "hex")));
}

type Protocol = InstanceType<Ssh2["AgentProtocol"]>;

/** Records what a side of the protocol sends and emits. */
function watch(protocol: Protocol, record: Recorder): void {
  protocol.on("data", (bytes: Buffer) => record("sent", bytes));
  for (const event of ["error", "end", "close", "finish"]) protocol.on(event, (error?: Error) => record(event, error));
}

/** A case over one side of the protocol. Ends some turns after `use`. */
function protocolCase(
  name: string,
  isClient: boolean,
  use: (protocol: Protocol, record: Recorder, implementation: Ssh2) => void,
): Case {
  return {
    name: `AgentProtocol: ${name}`,
    section,
    async run(implementation, record) {
      const protocol = new implementation.AgentProtocol(isClient);
      watch(protocol, record);
      use(protocol, record, implementation);
      for (let i = 0; i < 10; i++) await turn();
    },
  };
}

function write(protocol: Protocol, ...hex: readonly string[]): void {
  for (const part of hex) protocol.write(Buffer.from(part, "hex"));
}

function outcome(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

export const cases: readonly Case[] = [
  {
    name: "OpenSSHAgent: nothing listens at the path",
    section,
    async run(implementation, record, peers) {
      const agent = implementation.createAgent(join(peers.folder, "none")) as InstanceType<Ssh2["OpenSSHAgent"]>;
      record("class", agent instanceof implementation.OpenSSHAgent, agent instanceof implementation.BaseAgent);
      await new Promise<void>((resolve) => {
        agent.getStream((error, stream) => resolve(record("stream", error, stream)));
      });
      await recordCalls(record, agent, keyOf(ED25519, implementation));
    },
  },
  scripted("ends each connection at once", (socket) => socket.end()),
  scripted("closes each connection after its request", (socket) => socket.once("data", () => socket.destroy())),
  scripted("ends in the middle of a message", (socket) =>
    socket.once("data", () => socket.end(Buffer.from("00000009", "hex"))),
  ),
  scripted("refuses", answering(FAILURE)),
  scripted("refuses twice", answering(FAILURE + FAILURE)),
  scripted("answers another request", (socket) =>
    socket.once("data", (bytes) => answer(socket, bytes[4] === 11 ? message(14, Buffer.from("x")) : message(12, 0))),
  ),
  scripted("answers with an unknown message", answering("00000001ff")),
  scripted("answers with less than it announces", (socket) =>
    socket.once("data", (bytes) => answer(socket, bytes[4] === 11 ? message(12, 7) : message(14))),
  ),
  scripted("answers with a signature that is none", answering(message(14, Buffer.from("000000ff", "hex")))),
  scripted("has keys of types that are not supported", (socket) =>
    socket.once("data", (bytes) => {
      const keys = [Buffer.from("0000000b7373682d756e6b6e6f776e00000000", "hex"), keyOf(ED25519).getPublicSSH()];
      const list = message(12, keys.length, ...keys.flatMap((key) => [key, Buffer.from("a comment")]));
      answer(socket, bytes[4] === 11 ? list : FAILURE);
    }),
  ),
  scripted("answers in pieces", (socket) =>
    socket.once("data", (bytes) => {
      const signature = Buffer.from("0000000161000000026263", "hex");
      const hex =
        bytes[4] === 11 ? message(12, 1, keyOf(RSA).getPublicSSH(), Buffer.from("c")) : message(14, signature);
      for (const part of hex.match(/.{1,6}/g)!) answer(socket, part);
    }),
  ),
  {
    name: "BaseAgent: a class without methods",
    section,
    run(implementation, record) {
      const Base = implementation.BaseAgent as unknown as new () => InstanceType<Ssh2["OpenSSHAgent"]>;
      const Own = class extends Base {};
      const agent = new Own();
      agent.getIdentities((error) => record("identities", error));
      agent.sign(keyOf(RSA), DATA, (error) => record("sign", error));
      agent.sign(keyOf(RSA), DATA, {}, (error) => record("sign with options", error));
      record("stream", typeof agent.getStream);
      return Promise.resolve();
    },
  },
  protocolCase("a client's requests and their answers", true, (protocol, record, implementation) => {
    protocol.getIdentities((error, keys) =>
      record(
        "keys",
        error,
        keys?.map((key) => key.getPublicSSH()),
      ),
    );
    protocol.sign(RSA.public, DATA, { hash: "sha256" }, (error, signature) => record("sha256", error, signature));
    protocol.sign(keyOf(RSA, implementation), DATA, { hash: "sha512" }, (error, signature) =>
      record("sha512", error, signature),
    );
    protocol.sign(keyOf(ECDSA, implementation), DATA, { hash: "sha512" }, (error) => record("ecdsa", error));
    protocol.sign(ED25519.private, DATA, (error) => record("ed25519", error));
    const signature = Buffer.from("0000000161000000026263", "hex");
    const list = message(
      12,
      2,
      keyOf(RSA).getPublicSSH(),
      Buffer.from("one"),
      keyOf(ED25519).getPublicSSH(),
      Buffer.alloc(0),
    );
    write(
      protocol,
      list + message(14, signature) + FAILURE + FAILURE,
      message(14, signature).slice(0, 12),
      message(14, signature).slice(12),
    );
  }),
  protocolCase("a client's end with requests open", true, (protocol, record) => {
    protocol.getIdentities((error) => record("first", error));
    protocol.sign(RSA.public, DATA, {}, (error) => record("second", error));
    write(protocol, FAILURE);
    protocol.end();
  }),
  protocolCase("a client is destroyed with a request open", true, (protocol, record) => {
    protocol.getIdentities((error) => record("first", error));
    protocol.destroy(new Error("reason"));
  }),
  protocolCase("an answer without a request", true, (protocol) => write(protocol, FAILURE)),
  protocolCase(
    "a server's events, and replies in the order of the requests",
    false,
    (protocol, record, implementation) => {
      const requests: AgentInboundRequest[] = [];
      protocol.on("identities", (request) => requests.push(request));
      protocol.on("sign", (request, key, data, options) => {
        const one = key;
        record("sign", one.type, one.comment, one.getPublicSSH(), data, options);
        requests.push(request);
      });
      const rsa = keyOf(RSA).getPublicSSH();
      write(protocol, LIST, message(13, rsa, DATA, 2), message(13, rsa, DATA, 4), message(13, rsa, DATA, 0));
      write(protocol, message(13, keyOf(ECDSA).getPublicSSH(), DATA, 0), LIST);
      const [list, sha256, sha512, sha1, ecdsa, last] = requests as [AgentInboundRequest, ...AgentInboundRequest[]];
      record(
        "open",
        requests.map((request) => (request as unknown as { hasResponded(): boolean }).hasResponded()),
      );
      protocol.signReply(sha512!, Buffer.from("two"));
      protocol.failureReply(ecdsa!);
      protocol.signReply(sha256!, Buffer.from("one"));
      record("first reply follows");
      protocol.getIdentitiesReply(list, [keyOf(RSA, implementation)]);
      protocol.signReply(sha1!, Buffer.from("three"));
      protocol.getIdentitiesReply(last!, []);
      protocol.failureReply(list);
    },
  ),
  protocolCase("requests that a server refuses by itself", false, (protocol, record) => {
    protocol.on("sign", () => record("sign"));
    write(protocol, "0000000111", "00000001ff");
    // The last one: ssh2 reads nothing after it.
    write(protocol, message(13, Buffer.from("no key"), DATA, 0));
  }),
  protocolCase("a server's end", false, (protocol, record) => {
    protocol.on("identities", () => record("identities"));
    write(protocol, LIST);
    protocol.end();
  }),
  protocolCase("replies that are wrong", false, (protocol, record) => {
    const requests: AgentInboundRequest[] = [];
    protocol.on("identities", (request) => requests.push(request));
    protocol.on("sign", (request) => requests.push(request));
    write(protocol, LIST, message(13, keyOf(RSA).getPublicSSH(), DATA, 0));
    const [list, sign] = requests as [AgentInboundRequest, AgentInboundRequest];
    record(
      "client's",
      outcome(() => protocol.getIdentities(() => {})),
      outcome(() => protocol.sign(RSA.public, DATA, {}, () => {})),
    );
    for (const request of [undefined, {}, null] as never[])
      record(
        "request",
        outcome(() => protocol.failureReply(request)),
      );
    record(
      "types",
      outcome(() => protocol.signReply(list, DATA)),
      outcome(() => protocol.getIdentitiesReply(sign, [])),
    );
    record(
      "keys",
      outcome(() => protocol.getIdentitiesReply(list, "keys" as never)),
    );
    record(
      "entry",
      outcome(() => protocol.getIdentitiesReply(list, ["key"] as never)),
    );
    record(
      "signature",
      outcome(() => protocol.signReply(sign, "text" as never)),
      outcome(() => protocol.signReply(sign, Buffer.alloc(0))),
    );
    protocol.getIdentitiesReply(list, [
      { pubKey: { pubKey: RSA.public, comment: "own" } },
      { pubKey: { pubKey: "none" } },
      { pubKey: 7 },
    ] as never);
    protocol.signReply(sign, DATA);
    protocol.signReply(sign, DATA);
  }),
  protocolCase("a server's methods on a client", true, (protocol, record) => {
    for (const method of ["failureReply", "getIdentitiesReply", "signReply"] as const)
      record(
        method,
        outcome(() => (protocol[method] as (request: unknown) => void)({})),
      );
    record(
      "key",
      outcome(() => protocol.sign("no key", DATA, {}, () => {})),
    );
  }),
  {
    name: "AgentProtocol: an agent of the program, with AgentProtocol at both ends",
    section,
    async run(implementation, record, peers) {
      const path = await serveSocket(peers, (socket) => {
        const agent = new implementation.AgentProtocol(false);
        socket.pipe(agent).pipe(socket);
        agent.on("identities", (request) =>
          agent.getIdentitiesReply(
            request,
            [ED25519, RSA].map((one) => keyOf(one, implementation)),
          ),
        );
        agent.on("sign", (request, key, data, options) => {
          const own = [ED25519, RSA].map((one) => implementation.utils.parseKey(one.private) as ParsedKey);
          const found = own.find((one) => one.getPublicSSH().equals(key.getPublicSSH()));
          if (found === undefined) agent.failureReply(request);
          else agent.signReply(request, found.sign(data, (options as { hash?: string }).hash));
        });
      });
      const agent = implementation.createAgent(path) as InstanceType<Ssh2["OpenSSHAgent"]>;
      for (const pair of [ED25519, ECDSA]) await recordCalls(record, agent, keyOf(pair, implementation));
      for (const hash of ["sha256", "sha512"] as const) {
        const signature = await new Promise<Buffer>((resolve, reject) => {
          agent.sign(keyOf(RSA, implementation), DATA, { hash }, (error, one) =>
            error ? reject(error) : resolve(one!),
          );
        });
        record(hash, keyOf(RSA).verify(DATA, signature, hash));
      }
    },
  },
];

function answer(socket: Socket, hex: string): void {
  socket.write(Buffer.from(hex, "hex"));
}
