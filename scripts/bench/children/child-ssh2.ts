/** A process with ssh2 as client: `child-ssh2 [no-delay] [addon]`; or with this project's package in its place: `child-ssh2 nacre`. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from "node:net";
import { promisify } from "node:util";
import type { ConnectConfig, SFTPWrapper } from "ssh2";
import { type MeasuredConnection, nodeStreams } from "../measure/measured-client.ts";
import { severalAtOnce } from "../measure/measured-files.ts";
import { drain, fill, READ_BLOCK } from "../measure/measured-ways.ts";
import type { Suite, Target } from "../tasks.ts";
import type { Address } from "../tunnel/tunnel-tasks.ts";
import { clientTasks, work } from "./worker.ts";

/** Number of files that are moved at the same time. */
const AT_ONCE = 32;

type SftpOpener = (callback: (error: Error | undefined, sftp: SFTPWrapper) => void) => void;

const noDelay = process.argv.includes("no-delay");
const addon = process.argv.includes("addon");
const ours = process.argv.includes("nacre");

// Loads the copy with the addon, next to this program, or the installed package.
const require = createRequire(addon ? new URL("ssh2-addon/", import.meta.url) : import.meta.url);
const ssh2 = require(ours ? "@nacre/ssh2" : "ssh2") as typeof import("ssh2");
if (!ours) {
  const { bindingAvailable } = require("ssh2/lib/protocol/crypto.js") as { bindingAvailable: boolean };
  if (bindingAvailable !== addon) throw new Error(`ssh2 ${addon ? "lacks its" : "loaded an unexpected"} addon`);
}

work(clientTasks({ open }));

async function open(target: Target, suite?: Suite, kexMethod?: string): Promise<MeasuredConnection> {
  const client = new ssh2.Client();
  const config: ConnectConfig = {
    host: target.host,
    port: target.port,
    username: target.user,
    privateKey: target.privateKey,
    hostVerifier: (key: Buffer) =>
      `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}` === target.hostKeyFingerprint,
  };
  if (suite !== undefined)
    config.algorithms = { cipher: [suite.cipher as "aes128-ctr"], hmac: [suite.mac as "hmac-sha2-256"] };
  if (kexMethod !== undefined) config.algorithms = { ...config.algorithms, kex: [kexMethod as "curve25519-sha256"] };
  if (noDelay) config.sock = await noDelaySocket(target);
  let negotiated = "";
  client.once("handshake", ({ kex }) => {
    negotiated = kex;
  });
  client.connect(config);
  await once(client, "ready");
  return {
    kexMethod: negotiated,
    start(command) {
      return new Promise((resolve, reject) => {
        client.exec(command, (error, stream) => {
          if (error !== undefined) return reject(error);
          stream.stderr.resume();
          // Listens before any `await`, as `exit` may be emitted in the same round of the event loop.
          const status = once(stream, "exit").then(([code]) => code as number);
          resolve({ ...nodeStreams(stream, stream), status });
        });
      });
    },
    async forward(form, to) {
      if (form !== "local") throw new Error("ssh2 has no SOCKS proxy");
      return listen(client, to);
    },
    async files() {
      const sftp = await promisify(client.sftp.bind(client) as SftpOpener)();
      const single = {
        get: (remote: string, local: string) => promisify<string, string, void>(sftp.fastGet.bind(sftp))(remote, local),
        put: (local: string, remote: string) => promisify<string, string, void>(sftp.fastPut.bind(sftp))(local, remote),
        list: async (remote: string) =>
          (await promisify(sftp.readdir.bind(sftp))(remote)).map(({ filename }) => filename),
        makeFolder: (remote: string) => promisify<string, void>(sftp.mkdir.bind(sftp))(remote),
      };
      return severalAtOnce(single, AT_ONCE);
    },
    async ways() {
      const sftp = await promisify(client.sftp.bind(client) as SftpOpener)();
      return {
        fastGet: async (remote, local) => {
          await promisify<string, string, void>(sftp.fastGet.bind(sftp))(remote, local);
          return (await stat(local)).size;
        },
        fastPut: async (remote, local) => {
          await promisify<string, string, void>(sftp.fastPut.bind(sftp))(local, remote);
          return (await stat(local)).size;
        },
        "read stream": (remote) => drain(sftp.createReadStream(remote)),
        "write stream": (remote, local) => fill(local, sftp.createWriteStream(remote)),
        reads: (remote) => readAll(sftp, remote),
      };
    },
    async close() {
      const closed = once(client, "close");
      client.end();
      await closed;
    },
  };
}

/** Reads a file block by block, each after the last one. */
async function readAll(sftp: SFTPWrapper, path: string): Promise<number> {
  const handle = await promisify<string, "r", Buffer>(sftp.open.bind(sftp))(path, "r");
  const block = Buffer.alloc(READ_BLOCK);
  const { size } = await promisify<Buffer, { size: number }>(sftp.fstat.bind(sftp))(handle);
  let position = 0;
  while (position < size)
    position += await new Promise<number>((resolve, reject) => {
      const length = Math.min(READ_BLOCK, size - position);
      sftp.read(handle, block, 0, length, position, (error, read) => (error ? reject(error) : resolve(read)));
    });
  await promisify<Buffer, void>(sftp.close.bind(sftp))(handle);
  return position;
}

/** Forwards like the package tunnel-ssh 5.2, without its reconnecting and automatic closing, and with a choice of Nagle's algorithm. */
async function listen(client: InstanceType<typeof ssh2.Client>, to: Address): Promise<number> {
  const server = createServer({ noDelay }, (socket) => {
    client.forwardOut("127.0.0.1", socket.remotePort ?? 0, to.host, to.port, (error, stream) => {
      if (error === undefined) socket.pipe(stream).pipe(socket);
      else socket.destroy();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function noDelaySocket(target: Target): Promise<Socket> {
  const socket = connectSocket({ host: target.host, port: target.port, noDelay: true });
  await once(socket, "connect");
  return socket;
}
