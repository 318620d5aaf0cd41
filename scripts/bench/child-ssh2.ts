/** A process with ssh2 as client: `child-ssh2 [no-delay] [addon]`. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createRequire } from "node:module";
import { connect as connectSocket, type Socket } from "node:net";
import type { ConnectConfig } from "ssh2";
import { type MeasuredSession, nodeStreams } from "./measured-client.ts";
import type { Suite, Target } from "./tasks.ts";
import { clientTasks, work } from "./worker.ts";

const noDelay = process.argv.includes("no-delay");
const addon = process.argv.includes("addon");

// From the copy that has the addon, which lies beside this program, or from where it is installed.
const require = createRequire(addon ? new URL("ssh2-addon/", import.meta.url) : import.meta.url);
const ssh2 = require("ssh2") as typeof import("ssh2");
const { bindingAvailable } = require("ssh2/lib/protocol/crypto.js") as { bindingAvailable: boolean };
if (bindingAvailable !== addon) throw new Error(`ssh2 ${addon ? "lacks its" : "has an"} addon`);

work(clientTasks({ open }));

async function open(target: Target, suite?: Suite, kexMethod?: string): Promise<MeasuredSession> {
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
          // Here and not after an `await`: the exit may be emitted in the same turn.
          const status = once(stream, "exit").then(([code]) => code as number);
          resolve({ ...nodeStreams(stream, stream), status });
        });
      });
    },
    async close() {
      const closed = once(client, "close");
      client.end();
      await closed;
    },
  };
}

async function noDelaySocket(target: Target): Promise<Socket> {
  const socket = connectSocket({ host: target.host, port: target.port, noDelay: true });
  await once(socket, "connect");
  return socket;
}
