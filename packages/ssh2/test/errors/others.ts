import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { connect } from "node:net";
import { join } from "node:path";
import type { ParsedKey, Server } from "ssh2";
import type { Peers } from "../parity/case.ts";
import { ed25519Pair } from "../parity/made-keys.ts";
import { AGENT_FAILURE, agentAt } from "./connecting.ts";
import { answerOf, type Provocations, type Provoke, thrownBy } from "./provoking.ts";

const KEY = ed25519Pair();
const ENCRYPTED = ed25519Pair({ passphrase: "secret", cipher: "aes256-ctr", rounds: 1 }).private;

/** Makes a server with options that it throws for. */
function serving(config: unknown): Provoke {
  return ({ Server }) => thrownBy(() => new Server(config as never));
}

/** Listens on loopback. Resolves with the port, and with a promise of the first error of a connection. */
async function listening(
  server: Server,
  peers: Peers,
): Promise<{ readonly port: number; readonly error: Promise<unknown> }> {
  const error = new Promise((resolve) => {
    server.on("connection", (connection) => void connection.on("error", resolve));
  });
  server.listen(0, "127.0.0.1");
  peers.after(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, error };
}

/** Reads a key that is returned as an error. */
function parsing(...values: readonly unknown[]): Provoke {
  return ({ utils }) => utils.parseKey(...(values as [string]));
}

/** Makes a key with options that are refused. */
function generating(...values: readonly unknown[]): Provoke {
  return ({ utils }) => thrownBy(() => utils.generateKeyPairSync(...(values as ["ed25519"])));
}

/** Closes the connection to an agent in place of an answer. */
function closing(socket: Socket): void {
  socket.once("data", () => socket.end());
}

/** Answers with a failure. */
function failing(socket: Socket): void {
  socket.once("data", () => socket.write(AGENT_FAILURE));
}

export const serverThrows: Provocations = {
  "Missing configuration object": serving(undefined),
  "hostKeys must be an array": serving({}),
  "Cannot parse privateKey: …": serving({ hostKeys: ["no key"] }),
  "privateKey value contains an invalid private key": serving({ hostKeys: [KEY.public] }),
};

export const serverErrors: Provocations = {
  "Handshake failed: no matching key exchange algorithm": async ({ Server }, peers) => {
    const algorithms = { kex: ["diffie-hellman-group14-sha256" as const] };
    const { port, error } = await listening(new Server({ hostKeys: [KEY.private], algorithms }), peers);
    const client = new peers.ssh2.Client();
    peers.after(() => client.destroy());
    client.on("error", () => {});
    client.connect({ host: "127.0.0.1", port, username: "alice", algorithms: { kex: ["curve25519-sha256"] } });
    return error;
  },
  "read ECONNRESET": async ({ Server }, peers) => {
    const server = new Server({ hostKeys: [KEY.private] });
    const { port, error } = await listening(server, peers);
    const socket = connect(port, "127.0.0.1");
    peers.after(() => socket.destroy());
    socket.write("SSH-2.0-Test\r\n");
    await once(server, "connection");
    socket.resetAndDestroy();
    return error;
  },
};

export const parseKeyReturns: Provocations = {
  "Unsupported key format": parsing("no key"),
  "Key data must be a Buffer or string": parsing(7),
  "Encrypted private OpenSSH key detected, but no passphrase given": parsing(ENCRYPTED),
  "OpenSSH key integrity check failed -- bad passphrase?": parsing(ENCRYPTED, "other"),
};

export const generateThrows: Provocations = {
  "Key type must be a string": generating(7),
  "Unsupported key type: NAME": generating("dsa"),
  "ECDSA bits must be 256, 384, or 521": generating("ecdsa", { bits: 7 }),
};

export const agentCallbacks: Provocations = {
  "Failed to connect to agent": ({ OpenSSHAgent }, peers) =>
    answerOf((callback) => new OpenSSHAgent(join(peers.folder, "none")).getIdentities(callback)),
  "No reply from server": async ({ OpenSSHAgent }, peers) => {
    const agent = new OpenSSHAgent(await agentAt(peers, closing));
    return answerOf((callback) => agent.getIdentities(callback));
  },
  "Agent responded with failure": async ({ OpenSSHAgent, utils }, peers) => {
    const agent = new OpenSSHAgent(await agentAt(peers, failing));
    const key = utils.parseKey(KEY.public) as ParsedKey;
    return answerOf((callback) => agent.sign(key, Buffer.from("data"), {}, callback));
  },
};
