/**
 * A process with Nacre as client: `child-nacre [web] [portable|noble]`. Uses Node streams and node:crypto by default. `web` selects Web
 * streams, `portable` the portable algorithms, and `noble` these without WebAssembly.
 */
import { connect, nodeAlgorithms, privateKey, tcpDuplex } from "@nacre/node";
import { type MeasuredConnection, nodeStreams, webStreams } from "../measure/measured-client.ts";
import { drain, fill, READ_BLOCK } from "../measure/measured-ways.ts";
import type { Suite, Target } from "../tasks.ts";
import { clientTasks, work } from "./worker.ts";

const onNoble = process.argv.includes("noble");
const crypto = onNoble || process.argv.includes("portable") ? "noble" : "node";
// Simulates a platform that forbids WebAssembly.
if (onNoble) Object.assign(globalThis, { WebAssembly: undefined });
// Imports only the algorithms that this contender uses, as the start of the process is measured too.
const algorithms = crypto === "noble" ? (await import("nacre/defaults")).defaultAlgorithms : nodeAlgorithms;

work(clientTasks({ open: process.argv.includes("web") ? openWithWebStreams : open }));

async function open(target: Target, suite?: Suite, kexMethod?: string): Promise<MeasuredConnection> {
  const client = await connect({
    host: target.host,
    port: target.port,
    user: target.user,
    // Parses the key each time, like the other libraries.
    identities: [await privateKey(target.privateKey, { crypto })],
    agent: false,
    crypto,
    hostKey: target.hostKeyFingerprint,
    algorithms: only(suite, kexMethod),
  });
  return {
    kexMethod: client.info.negotiated.kex.name,
    async start(command) {
      const { stdin, stdout, exit } = await client.spawn(command);
      return { ...nodeStreams(stdin, stdout), status: exit.then(({ status }) => status) };
    },
    async forward(form, to) {
      const at = { host: "127.0.0.1", port: 0 };
      const { port } = await (form === "local" ? client.forwardLocal(at, to) : client.forwardDynamic(at));
      return port!;
    },
    async files() {
      const sftp = await client.sftp();
      return {
        get: async (remote, local) => void (await client.download(remote, local)),
        put: async (local, remote) => void (await client.upload(local, remote)),
        getAll: async (remote, local) => void (await client.download(remote, local, { recursive: true })),
        putAll: async (local, remote) => void (await client.upload(local, remote, { recursive: true })),
        list: async (remote) => (await sftp.readdir(remote)).length,
      };
    },
    async ways() {
      const sftp = await client.sftp();
      return {
        fastGet: async (remote, local) => (await client.download(remote, local)).bytes,
        fastPut: async (remote, local) => (await client.upload(local, remote)).bytes,
        "read stream": (remote) => drain(sftp.createReadStream(remote)),
        "write stream": (remote, local) => fill(local, sftp.createWriteStream(remote)),
        reads: async (remote) => {
          const file = await sftp.open(remote, "r");
          const block = new Uint8Array(READ_BLOCK);
          let position = 0;
          for (let bytesRead = -1; bytesRead !== 0; position += bytesRead)
            ({ bytesRead } = await file.read(block, 0, READ_BLOCK, position));
          await file.close();
          return position;
        },
      };
    },
    close: () => client.close(),
  };
}

async function openWithWebStreams(target: Target, suite?: Suite, kexMethod?: string): Promise<MeasuredConnection> {
  const { connect } = await import("nacre");
  const options = {
    user: target.user,
    identities: [await privateKey(target.privateKey, { crypto })],
    hostKey: target.hostKeyFingerprint,
    algorithms: only(suite, kexMethod),
  };
  const client = await connect(await tcpDuplex(target), options);
  return {
    kexMethod: client.info.negotiated.kex.name,
    async start(command) {
      const { stdin, stdout, exit } = await client.spawn(command);
      return { ...webStreams(stdin, stdout), status: exit.then(({ status }) => status) };
    },
    close: () => client.close(),
  };
}

function only(suite: Suite | undefined, kexMethod: string | undefined): typeof algorithms {
  return {
    ...algorithms,
    kex: algorithms.kex.filter(({ name }) => kexMethod === undefined || name === kexMethod),
    ciphers: algorithms.ciphers.filter(({ name }) => suite === undefined || name === suite.cipher),
    macs: algorithms.macs.filter(({ name }) => suite === undefined || name === suite.mac),
  };
}
