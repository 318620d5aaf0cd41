import { readFile, writeFile } from "node:fs/promises";
import { connect as connectSocket, type Socket } from "node:net";
import { join } from "node:path";
import { Duplex, PassThrough, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fingerprint, generateEd25519 } from "@nacre/keys";
import { expect, onTestFinished, test } from "vitest";
import { sftpServer } from "../src/disk/handler.ts";
import { type ConnectOptions, connect, listen, tcpDuplex, tcpForwarding } from "../src/index.ts";
import { counting, serve, temporaryFolder } from "./support.ts";

const key = generateEd25519(counting);
const login = { host: "db.example.org", user: "a", agent: false, identities: [key] };

async function server(root?: string): Promise<number> {
  const listening = await listen({
    port: 0,
    hostKeys: [key],
    authenticate: () => ({ permissions: { portForwarding: true } }),
    forwarding: tcpForwarding({ permitOpen: ["127.0.0.1:*"] }),
    session: (session) => pipeline(session.stdin, session.stdout),
    ...(root && { subsystems: { sftp: sftpServer({ root }) } }),
  });
  onTestFinished(() => listening.close());
  return listening.address.port;
}

async function knownHosts(line: string): Promise<string> {
  const path = join(await temporaryFolder(), "known_hosts");
  await writeFile(path, `${line} ${key.publicKey.format} ${Buffer.from(key.publicKey.blob).toString("base64")}\n`);
  return path;
}

const dialled = async (port: number): Promise<Socket> => connectSocket(port, "127.0.0.1");

/** A stream of another class than Node's sockets, over a socket. */
async function wrapped(port: number): Promise<Duplex> {
  const socket = await dialled(port);
  const writable = new PassThrough();
  writable.pipe(socket);
  return Duplex.from({
    readable: socket.pipe(new Transform({ transform: (chunk, _, done) => done(null, chunk) })),
    writable,
  });
}

test.each<[string, (port: number) => Promise<NonNullable<ConnectOptions["duplex"]>>]>([
  ["a socket that connects", dialled],
  ["another Node stream", wrapped],
  ["a `Duplex`", (port) => tcpDuplex({ host: "127.0.0.1", port })],
])("`connect` runs over %s, and checks known_hosts for `host`", async (_, open) => {
  const port = await server();
  const options = { ...login, knownHosts: await knownHosts("db.example.org") };
  const client = await connect({ ...options, duplex: await open(port) });
  expect((await client.exec("", { input: "x".repeat(100_000) })).stdout).toHaveLength(100_000);
  const process = await client.spawn("");
  process.stdin.end("streams of Node");
  expect((await process.stdout.toArray()).join("")).toBe("streams of Node");
  await client.close();
  await expect(connect({ ...options, host: "other.example.org", duplex: await open(port) })).rejects.toMatchObject({
    code: "host-key-unknown",
    message: expect.stringContaining(fingerprint(key.publicKey.blob, "sha256")),
  });
});

test("transfers work over `duplex`", async () => {
  const root = await temporaryFolder();
  await writeFile(join(root, "a"), "contents");
  const client = await connect({ ...login, hostKey: () => true, duplex: await dialled(await server(root)) });
  await client.download("/a", join(root, "b"));
  expect(await readFile(join(root, "b"), "utf8")).toBe("contents");
  await client.close();
});

test("the first jump host may have a `duplex`", async () => {
  const hop = { ...login, host: "bastion", hostKey: () => true, duplex: await dialled(await server()) };
  const client = await connect({ ...login, host: "127.0.0.1", port: await server(), hostKey: () => true, via: hop });
  expect((await client.exec("", { input: "through" })).stdout).toBe("through");
  await client.close();
});

test("`duplex` behind a jump host is `usage`", async () => {
  const duplex = new PassThrough();
  const wrong = { code: "usage", message: expect.stringContaining("`duplex` cannot follow a jump host") };
  await expect(connect({ ...login, duplex, via: "bastion" })).rejects.toMatchObject(wrong);
  await expect(connect({ ...login, via: ["bastion", { host: "b", duplex }] })).rejects.toMatchObject(wrong);
  await expect(connect({ ...login, duplex, via: { dialChannel: () => {} } as never })).rejects.toMatchObject(wrong);
  expect(duplex.destroyed).toBe(false);
});

test("`sock`, the name in ssh2, is not an option; `duplex` is", async () => {
  const options = { ...login, sock: new PassThrough() };
  await expect(connect(options)).rejects.toMatchObject({
    code: "usage",
    message: expect.stringContaining("did you mean `duplex`?"),
  });
});

test("`duplex` is closed if connecting fails, also before anything is sent", async () => {
  const { port } = await serve((socket) => socket.end("220 smtp\r\n"));
  const duplex = await dialled(port);
  await expect(connect({ ...login, hostKey: () => true, duplex })).rejects.toMatchObject({ code: "not-ssh" });
  expect(duplex.destroyed).toBe(true);
  const unused = await dialled(port);
  const options = { ...login, identities: ["/no/such/key"], duplex: unused };
  await expect(connect(options)).rejects.toMatchObject({ code: "file-unreadable" });
  expect(unused.destroyed).toBe(true);
});

test("an error of the stream while files are read is reported", async () => {
  const duplex = new PassThrough();
  const connecting = connect({ ...login, hostKey: () => true, duplex });
  duplex.destroy(new Error("the proxy refused"));
  await expect(connecting).rejects.toMatchObject({ code: "connection-lost" });
});
