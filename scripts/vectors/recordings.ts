// Records whole connections with a real OpenSSH server in test-vectors/recordings.json. Nacre's random source has a fixed seed, so that
// packages/protocol/test/recordings.sampled.test.ts can replay the connections without a network.

import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { ensureContainer } from "@nacre/testing/openssh/container";
import { authorizeKey, containerExec, startSshd } from "@nacre/testing/openssh/sshd";
import { SCENARIOS, type Scenario, ScriptedClient, userKeyOf } from "@nacre/testing/protocol/scripted-client";
import { base64Encode } from "@nacre/wire";

const FILE = new URL("../../test-vectors/recordings.json", import.meta.url);
const TIMEOUT = 20_000;

const container = await ensureContainer();
try {
  const version = await containerExec(["sh", "-c", "ssh -V 2>&1 || true"]);
  const recordings = [];
  for (const scenario of SCENARIOS) recordings.push(await record(scenario));
  const about = {
    source: `connections to OpenSSH's server in the container (${version.stdout.trim() || version.stderr.trim()})`,
    madeBy: "scripts/vectors/recordings.ts",
    note: "Each chunk has the bytes that one side sent before the other side replied, in order. Base64.",
    recordings,
  };
  writeFileSync(FILE, `${JSON.stringify(about, null, 1)}\n`);
} finally {
  await container.stop();
}

async function record(scenario: Scenario): Promise<object> {
  const sshd = await startSshd();
  const userKey = userKeyOf(scenario);
  await authorizeKey("alice", `${userKey.publicKey.format} ${base64Encode(userKey.publicKey.blob)} recorded`);
  const client = new ScriptedClient(scenario, userKey);
  const chunks: { from: "client" | "server"; bytes: string }[] = [];
  const note = (from: "client" | "server", bytes: Uint8Array): void => {
    if (bytes.length > 0) chunks.push({ from, bytes: base64Encode(bytes) });
  };
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host: sshd.host, port: sshd.port, noDelay: true });
    const timer = setTimeout(
      () => socket.destroy(new Error(`"${scenario.name}" took more than ${TIMEOUT} ms`)),
      TIMEOUT,
    );
    const send = (bytes: Uint8Array): void => {
      note("client", bytes);
      socket.write(bytes);
      if (client.error !== undefined) socket.end();
    };
    socket.on("connect", () => send(client.start()));
    socket.on("data", (chunk) => {
      if (client.error !== undefined) return;
      note("server", chunk);
      send(client.receive(chunk));
    });
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
  await sshd.stop();
  if (client.error?.code !== "closed" || client.outcome.status !== 7) {
    throw new Error(`"${scenario.name}" ended unexpectedly: ${client.error?.message}`);
  }
  return { ...scenario, serverHostKey: client.hostKey, outcome: client.outcome, chunks };
}
