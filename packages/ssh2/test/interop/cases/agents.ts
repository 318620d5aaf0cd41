import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startAgent as startSshAgent } from "@nacre/testing/interop/ssh-agent";
import ssh2, { type ParsedKey } from "ssh2";
import type { Ssh2 } from "../../parity/case.ts";
import { ed25519Pair } from "../../parity/made-keys.ts";
import type { OpenSshCase } from "../openssh.ts";

const section = "OpenSSH's agent";
const KEYS = {
  rsa: ssh2.utils.generateKeyPairSync("rsa", { bits: 2048, comment: "an rsa key" }),
  ecdsa: ssh2.utils.generateKeyPairSync("ecdsa", { bits: 521, comment: "an ecdsa key" }),
  ed25519: ed25519Pair({ comment: "an ed25519 key" }),
};

type Agent = InstanceType<Ssh2["OpenSSHAgent"]>;

/** Starts ssh-agent with keys, which lives as long as the case. Resolves with the path of its socket. */
async function startAgent(
  { folder, after }: Parameters<OpenSshCase["run"]>[2],
  keys: readonly string[],
): Promise<string> {
  const agent = await startSshAgent({ path: folder });
  after(() => agent[Symbol.asyncDispose]());
  for (const [at, key] of keys.entries()) {
    const file = join(folder, `key-${at}`);
    await writeFile(file, key, { mode: 0o600 });
    await agent.add({ path: file });
  }
  return agent.path;
}

function signatureBy(agent: Agent, key: ParsedKey, data: Buffer, hash?: "sha256" | "sha512"): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    agent.sign(key, data, hash === undefined ? {} : { hash }, (error, signature) =>
      error ? reject(error) : resolve(signature!),
    );
  });
}

export const cases: readonly OpenSshCase[] = [
  {
    name: "lists the keys, and signs with each of them",
    section,
    async run(implementation, record, peers) {
      const path = await startAgent(
        peers,
        Object.values(KEYS).map((pair) => pair.private),
      );
      const agent = implementation.createAgent(path) as Agent;
      const keys = await new Promise<readonly ParsedKey[]>((resolve, reject) => {
        agent.getIdentities((error, found) => (error ? reject(error) : resolve(found as ParsedKey[])));
      });
      record(
        "keys",
        keys.map((key) => [key.type, key.comment, key.getPublicSSH()]),
      );
      const data = Buffer.from("data");
      const [rsa, ecdsa, ed25519] = keys as [ParsedKey, ParsedKey, ParsedKey];
      for (const hash of ["sha256", "sha512"] as const)
        record(hash, rsa.verify(data, await signatureBy(agent, rsa, data, hash), hash));
      record("ed25519", ed25519.verify(data, await signatureBy(agent, ed25519, data)));
      record("ecdsa", (await signatureBy(agent, ecdsa, data)).length > 130);
    },
  },
  {
    name: "refuses a key that it has not",
    section,
    async run(implementation, record, peers) {
      const agent = implementation.createAgent(await startAgent(peers, [KEYS.rsa.private])) as Agent;
      const key = implementation.utils.parseKey(KEYS.ed25519.public) as ParsedKey;
      record("refused", await signatureBy(agent, key, Buffer.from("x")).catch((error: unknown) => error));
    },
  },
  {
    name: "logs in at sshd with its second key",
    section,
    async run({ Client }, record, peers) {
      const { host, port, username, privateKey } = peers.openssh;
      const agent = await startAgent(peers, [KEYS.ecdsa.private, privateKey]);
      const client = new Client();
      peers.after(() => client.end());
      for (const event of ["ready", "end", "close", "error"] as const)
        client.on(event as "error", (...values: unknown[]) => record(event, ...values));
      client.connect({ host, port, username, agent, hostVerifier: () => true });
      client.once("ready", () => client.end());
      await once(client, "close");
    },
  },
];
