/** A process with @microsoft/dev-tunnels-ssh as client, without Nagle's algorithm. The library lacks Ed25519, so it uses ECDSA keys. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import {
  CommandRequestMessage,
  NodeStream,
  SshAlgorithms,
  SshClientSession,
  SshDisconnectReason,
  SshSessionConfiguration,
  SshTraceEventIds,
} from "@microsoft/dev-tunnels-ssh";
import { importKey } from "@microsoft/dev-tunnels-ssh-keys";
import { type MeasuredConnection } from "../measure/measured-client.ts";
import type { Suite, Target } from "../tasks.ts";
import { clientTasks, work } from "./worker.ts";

work(clientTasks({ open }));

async function open(
  { host, port, user, ecdsa }: Target,
  suite?: Suite,
  kexMethod?: string,
): Promise<MeasuredConnection> {
  const socket = connectSocket({ host, port, noDelay: true });
  await once(socket, "connect");
  const connection = new SshClientSession(configuration(suite, kexMethod));
  let negotiated = "";
  connection.trace = (_level, event, text) => {
    if (event === SshTraceEventIds.algorithmNegotiation)
      negotiated ||= /^KeyExchange negotiation: .* => (\S+)$/.exec(text)?.[1] ?? "";
  };
  connection.onAuthenticating((event) => {
    const key = event.publicKey;
    event.authenticationPromise = (async () => {
      const blob = (await key?.getPublicKeyBytes()) ?? Buffer.alloc(0);
      const digest = createHash("sha256").update(blob).digest("base64").replace(/=+$/, "");
      return `SHA256:${digest}` === ecdsa.hostKeyFingerprint ? {} : null;
    })();
  });
  await connection.connect(new NodeStream(socket));
  const publicKeys = [await importKey(ecdsa.privateKey)];
  if (!(await connection.authenticate({ username: user, publicKeys })))
    throw new Error("the server refused the login of dev-tunnels");
  return {
    kexMethod: negotiated,
    async start(command) {
      const channel = await connection.openChannel();
      const status = new Promise<number | undefined>((resolve) => {
        channel.onClosed(({ exitStatus }) => resolve(exitStatus));
      });
      // The library does not buffer data events, so data that arrives before the first read is kept here.
      const early: Buffer[] = [];
      let take = (chunk: Uint8Array): Promise<void> | undefined => void early.push(Buffer.from(chunk));
      channel.onDataReceived((chunk) => {
        const taken = take(chunk);
        if (taken === undefined) channel.adjustWindow(chunk.length);
        else void taken.then(() => channel.adjustWindow(chunk.length));
      });
      const ended = new Promise<void>((resolve) => {
        channel.onEof(() => resolve());
      });
      const request = new CommandRequestMessage();
      request.wantReply = true;
      request.command = command;
      if (!(await channel.request(request))) throw new Error(`the server refused to run ${command}`);
      return {
        async read(given) {
          take = given;
          for (const chunk of early.splice(0)) void given(chunk);
          await ended;
        },
        async write(pieces) {
          for (const piece of pieces) await channel.send(asBuffer(piece));
          // An empty buffer sends EOF.
          await channel.send(Buffer.alloc(0));
        },
        send: (piece) => void channel.send(asBuffer(piece)),
        status,
      };
    },
    async close() {
      const closed = once(socket, "close");
      await connection.close(SshDisconnectReason.byApplication);
      await closed;
    },
  };
}

function configuration(suite: Suite | undefined, kexMethod: string | undefined): SshSessionConfiguration {
  const config = new SshSessionConfiguration();
  if (suite !== undefined) {
    keep(config.encryptionAlgorithms, suite.cipher);
    keep(config.hmacAlgorithms, suite.mac);
  }
  if (kexMethod !== undefined) {
    const known = Object.values(SshAlgorithms.keyExchange);
    config.keyExchangeAlgorithms.splice(0, Infinity, ...known.filter((one) => one?.name === kexMethod));
    if (config.keyExchangeAlgorithms.length === 0) throw new Error(`dev-tunnels does not support ${kexMethod}`);
  }
  return config;
}

function keep(list: ({ readonly name: string } | null)[], name: string): void {
  const kept = list.filter((one) => one?.name === name);
  if (kept.length === 0) throw new Error(`dev-tunnels does not support ${name}`);
  list.splice(0, Infinity, ...kept);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
