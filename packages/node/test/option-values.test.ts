import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { memoryFileSystem, sftpServer } from "@nacre/files/server";
import { generateEd25519 } from "@nacre/keys";
import {
  type Accepted,
  BOOLEAN,
  FUNCTION,
  CONNECT as OF_CONNECT,
  SERVE,
  STRING,
  wrongOutcomes,
} from "@nacre/testing/option-values";
import { expect, onTestFinished, test } from "vitest";
import { CONNECT_OPTIONS } from "../src/connect/options.ts";
import { connect, type ListenOptions, listen, privateKey, tcpForwarding } from "../src/index.ts";
import { LISTEN_OPTIONS } from "../src/listen/listen-options.ts";
import { TCP_FORWARDING_OPTIONS } from "../src/listen/tcp-forwarding.ts";
import { counting, serve, temporaryFolder } from "./support.ts";

const key = generateEd25519(counting);

const CONNECT: Accepted = {
  ...OF_CONNECT,
  host: ["string"],
  port: ["number"],
  identities: ["array", "array of strings"],
  forwardAgent: [...(process.env["SSH_AUTH_SOCK"] ? BOOLEAN : ["false boolean"]), "string", ...FUNCTION],
  random: FUNCTION,
  duplex: [],
  via: ["array", "string", "array of strings"],
  config: [...BOOLEAN, "string"],
  commands: BOOLEAN,
  commandTimeout: ["number"],
  jumpOptions: FUNCTION,
  env: ["object"],
  channelTimeouts: ["object"],
  identityFiles: ["array", "array of strings"],
  certificateFiles: ["array", "array of strings"],
  identitiesOnly: BOOLEAN,
  identityAlgorithms: ["array"],
  agent: [...BOOLEAN, ...STRING],
  addKeysToAgent: [...BOOLEAN, "object"],
  passphrase: [...STRING, "function"],
  unknownHost: FUNCTION,
  knownHosts: [...STRING, "array", "array of strings", "object"],
  hostKeyAlias: ["string"],
  caSignatureAlgorithms: ["array", "array of strings"],
  revokedHostKeys: [...STRING, "array", "array of strings"],
  hostKeyAdded: FUNCTION,
  hostKeyAccepted: FUNCTION,
  updateHostKeys: [...BOOLEAN, ...FUNCTION],
  fingerprintHash: [],
  crypto: [],
  connectTimeout: ["number"],
  addressFamily: [],
  connectionAttempts: ["number"],
  localAddress: ["string"],
  proxy: [],
  proxyCommand: ["string"],
  reconnect: [...BOOLEAN, "object"],
  warn: FUNCTION,
};

/** Connects with a value in place of options. The text names a host, which is not connected to here. */
const connectTo = ({ options }: Record<string, unknown>): unknown =>
  options === "x" ? "x" : connect(options as never);

test("a wrong value of an option of `connect` is `usage`", async () => {
  expect(Object.keys(CONNECT).sort()).toEqual(Object.keys(CONNECT_OPTIONS).sort());
  // A valid value is `connection-failed`: the port is closed.
  const server = await serve(() => {});
  await server.close();
  const { port } = server;
  const base = { host: "127.0.0.1", port, user: "a", identities: [key], agent: false, knownHosts: [] };
  expect(await wrongOutcomes(CONNECT, (options) => connect({ ...base, ...options }))).toEqual([]);
  const {
    earlyChannel: _,
    via: __,
    host: ___,
    reconnect: ____,
    jumpOptions: _____,
    channelTimeouts: ______,
    ...ofHop
  } = CONNECT;
  expect(await wrongOutcomes(ofHop, (options) => connect({ ...base, via: { ...base, ...options } }))).toEqual([]);
  expect(await wrongOutcomes({ options: ["string"] }, connectTo)).toEqual([]);
  expect(
    await wrongOutcomes({ options: ["object"] }, ({ options }) => connect("127.0.0.1:1", options as object)),
  ).toEqual([]);
});

const { remoteAddress: _, ...OF_LISTEN } = SERVE;
const LISTEN: Accepted = {
  ...OF_LISTEN,
  port: ["number"],
  host: STRING,
  crypto: [],
  maxConnections: ["number"],
  maxUnauthenticated: [],
  perSource: ["false boolean", "object"],
};

test("a wrong value of an option of `listen` is `usage`", async () => {
  expect(Object.keys(LISTEN).sort()).toEqual(Object.keys(LISTEN_OPTIONS).sort());
  const base: ListenOptions = { port: 0, hostKeys: [key], authenticate: () => true };
  const use = async (options: object): Promise<void> => (await listen({ ...base, ...options })).close();
  expect(await wrongOutcomes(LISTEN, use)).toEqual([]);
});

const FORWARDING: Accepted = {
  permitOpen: ["array"],
  permitThisMachine: BOOLEAN,
  permitListen: ["array"],
  gatewayPorts: [],
  connectTimeout: ["number"],
  lookup: FUNCTION,
};

test("a wrong value of an option of `tcpForwarding` is `usage`", async () => {
  expect(Object.keys(FORWARDING).sort()).toEqual(Object.keys(TCP_FORWARDING_OPTIONS).sort());
  expect(await wrongOutcomes(FORWARDING, tcpForwarding)).toEqual([]);
});

test("a wrong value of an argument or option of `privateKey` is `usage`", async () => {
  expect(await wrongOutcomes({ passphrase: STRING, crypto: [] }, (options) => privateKey("x", options))).toEqual([]);
  expect(await wrongOutcomes({ text: [...STRING, "bytes"] }, ({ text }) => privateKey(text as never))).toEqual([]);
});

async function closing(opening: Promise<{ close(): Promise<void> }>): Promise<void> {
  await (await opening).close();
}

test("a wrong argument or option of a client's method is `usage`", async () => {
  const server = await listen({
    port: 0,
    hostKeys: [key],
    authenticate: () => true,
    subsystems: { sftp: sftpServer(memoryFileSystem()) },
    limits: { maxSessions: 10_000 },
  });
  onTestFinished(() => server.close());
  const { port } = server.address;
  const ssh = await connect({
    host: "127.0.0.1",
    port,
    user: "a",
    identities: [key],
    agent: false,
    hostKey: () => true,
  });
  onTestFinished(() => ssh.close());
  const target = { host: "127.0.0.1", port: 1 };
  const forward: Accepted = { maxConnections: ["number"], signal: [], onError: FUNCTION };
  const local = { ...forward, streamLocalBindUnlink: BOOLEAN };
  const proxy = { handshakeTimeout: ["number"] };
  const folder = await temporaryFolder();
  const file = join(folder, "file");
  await writeFile(file, "contents");
  await ssh.upload(file, "there");
  const transfer: Accepted = {
    recursive: BOOLEAN,
    concurrency: ["number"],
    preserve: BOOLEAN,
    filter: FUNCTION,
    symlinks: [],
    limit: [],
    resume: BOOLEAN,
    verify: [],
    update: [],
    delete: ["false boolean"],
    onProgress: FUNCTION,
    onError: [],
    signal: [],
    protocol: [],
  };
  const at = { port: 0, host: "127.0.0.1" };
  const wrong = [
    ...(await wrongOutcomes(local, (options) => closing(ssh.forwardLocal(at, target, options)))),
    ...(await wrongOutcomes(proxy, (options) => closing(ssh.forwardDynamic(at, options)))),
    ...(await wrongOutcomes(forward, (options) => closing(ssh.forwardRemote(at, target, options)))),
    ...(await wrongOutcomes(proxy, (options) => closing(ssh.forwardRemoteDynamic(at, options)))),
    ...(await wrongOutcomes({ allowHalfOpen: BOOLEAN, signal: [], originator: [] }, (options) => {
      ssh.socket(target, options).destroy();
    })),
    ...(await wrongOutcomes({ signal: [], queue: BOOLEAN }, async (options) => (await ssh.sftp(options)).close())),
    ...(await wrongOutcomes(transfer, (options) => ssh.upload(file, "x", options))),
    ...(await wrongOutcomes({ address: [] }, ({ address }) => closing(ssh.forwardLocal(address as never, target)))),
    ...(await wrongOutcomes({ target: [] }, ({ target: wrongTarget }) =>
      closing(ssh.forwardLocal(at, wrongTarget as never)),
    )),
    ...(await wrongOutcomes({ address: [] }, ({ address }) => closing(ssh.forwardRemote(address as never, target)))),
    ...(await wrongOutcomes({ target: [] }, ({ target: wrongTarget }) =>
      closing(ssh.forwardRemote(at, wrongTarget as never)),
    )),
    ...(await wrongOutcomes({ address: [] }, ({ address }) => closing(ssh.forwardDynamic(address as never)))),
    ...(await wrongOutcomes(
      { target: [] },
      ({ target: wrongTarget }) => void ssh.socket(wrongTarget as never).destroy(),
    )),
    ...(await wrongOutcomes({ local: ["string", "empty string"] }, ({ local: from }) =>
      ssh.upload(from as never, "x"),
    )),
    ...(await wrongOutcomes({ remote: ["string", "empty string"] }, ({ remote }) => ssh.upload(file, remote as never))),
    ...(await wrongOutcomes({ remote: ["string"] }, ({ remote }) => ssh.download(remote as never, file))),
    ...(await wrongOutcomes({ local: ["string", "empty string"] }, ({ local: to }) =>
      ssh.download("there", typeof to === "string" ? join(folder, `to${to}`) : (to as never)),
    )),
  ];
  expect(wrong).toEqual([]);
});
