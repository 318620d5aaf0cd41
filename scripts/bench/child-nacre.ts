/** A process with Nacre as client, with Node streams on node:crypto: `child-nacre [web] [noble]` for Web streams, for noble's ciphers. */
import { readFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { openPrivateKey } from "@nacre/keyfiles";
import { connect, nodeAlgorithms, socketDuplex } from "@nacre/node";
import { connectDuplex, Process, pinnedHostKey } from "nacre";
import { defaultAlgorithms } from "nacre/defaults";
import type { Suite, Target } from "./tasks.ts";
import { clientTasks, type MeasuredSession, nodeStreams, webStreams, work } from "./worker.ts";

const algorithms = process.argv.includes("noble") ? defaultAlgorithms : nodeAlgorithms;

work(clientTasks({ open: process.argv.includes("web") ? openWithWebStreams : open }));

async function open(target: Target, suite: Suite | undefined): Promise<MeasuredSession> {
  const client = await connect({
    host: target.host,
    port: target.port,
    user: target.user,
    identities: [target.keyFile],
    agent: false,
    hostKey: target.hostKeyFingerprint,
    algorithms: only(suite),
  });
  return {
    async start(command) {
      const { stdin, stdout, exit } = await client.spawn(command);
      return { ...nodeStreams(stdin, stdout), status: exit.then(({ status }) => status) };
    },
    close: () => client.close(),
  };
}

async function openWithWebStreams(target: Target, suite: Suite | undefined): Promise<MeasuredSession> {
  const keyFile = openPrivateKey(await readFile(target.keyFile));
  if (keyFile.encrypted) throw new Error("the key is encrypted");
  const socket = connectSocket({ host: target.host, port: target.port, noDelay: true });
  const options = {
    user: target.user,
    identities: [keyFile.privateKey],
    hostKey: pinnedHostKey(target.hostKeyFingerprint),
    algorithms: only(suite),
  };
  const client = await connectDuplex(socketDuplex(socket), options, (channel) => new Process(channel));
  return {
    async start(command) {
      const { stdin, stdout, exit } = await client.spawn(command);
      return { ...webStreams(stdin, stdout), status: exit.then(({ status }) => status) };
    },
    close: () => client.close(),
  };
}

function only(suite: Suite | undefined): typeof algorithms {
  if (suite === undefined) return algorithms;
  return {
    ...algorithms,
    ciphers: algorithms.ciphers.filter(({ name }) => name === suite.cipher),
    macs: algorithms.macs.filter(({ name }) => name === suite.mac),
  };
}
