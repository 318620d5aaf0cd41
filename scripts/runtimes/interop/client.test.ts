import { fingerprint, type PrivateKey } from "@nacre/keys";
import { factorsOf, KEY_TYPES, type Negotiated, negotiationsIn, only } from "@nacre/testing/interop/algorithms";
import { digestOf, MIB, randomData, sha256, writeAll } from "@nacre/testing/interop/data";
import { type KeyFile, makeKey, readKey, useFolder } from "@nacre/testing/interop/keys";
import { eachOnce } from "@nacre/testing/interop/pairwise";
import { putRemoteFile, removeRemoteFile } from "@nacre/testing/interop/remote-file";
import { useServer, useServerOfAllAlgorithms } from "@nacre/testing/interop/server";
import { authorizeKey } from "@nacre/testing/openssh/sshd";
import type { TraceRecord } from "nacre";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ConnectOptions, nodeAlgorithms } from "../../../packages/node/src/index.ts";

// Tests `connect` of @nacre/node against OpenSSH's sshd, with every algorithm that this runtime offers.

const hostKeys = ["ed25519", "rsa-3072", "ecdsa-256", "ecdsa-384", "ecdsa-521"] as const;
const folder = useFolder();
const files = new Map<string, KeyFile>();
const keys = new Map<string, PrivateKey>();
beforeAll(async () => {
  for (const [algorithm, type] of Object.entries(KEY_TYPES)) {
    const file = await makeKey(folder, algorithm, type);
    await authorizeKey("alice", file.publicKeyLine);
    files.set(algorithm, file);
    keys.set(algorithm, await readKey(file));
  }
});

describe("connect with each algorithm at least once", () => {
  const combinations = eachOnce(factorsOf(nodeAlgorithms));
  const server = useServerOfAllAlgorithms(hostKeys);
  // This server does not accept rsa-sha2-512 for a login.
  const older = useServerOfAllAlgorithms(hostKeys, ["PubkeyAcceptedAlgorithms -rsa-sha2-512"]);

  test.for(combinations)("$kex, $encryption, host $hostKey, user $userKey", async (combination) => {
    const { kex, encryption, hostKey, userKey } = combination;
    const trace: TraceRecord[] = [];
    await using client = await (userKey === "rsa-sha2-256" ? older : server).connect({
      // Pass a file, so that this runtime's `node:crypto` loads the key.
      identities: [files.get(userKey)!.path],
      trace: (record) => trace.push(record),
      algorithms: only(nodeAlgorithms, combination),
    });
    const { stdout, stderr, status } = await client.exec("echo $((6 * 7)); echo aside >&2; exit 3");
    expect({ stdout, stderr, status }).toEqual({ stdout: "42\n", stderr: "aside\n", status: 3 });

    const { negotiated } = client.info;
    expect(negotiated.kex.name).toBe(kex);
    expect(client.info.hostKey.algorithm).toBe(hostKey);
    for (const { cipher, mac } of [negotiated.clientToServer, negotiated.serverToClient])
      expect([cipher.name, ...(mac ? [mac.name] : [])].join(" ")).toBe(encryption);
    const requests = trace.flatMap((record) =>
      record.type === "packet" && record.message === "SSH_MSG_USERAUTH_REQUEST" ? [record.summary] : [],
    );
    expect(requests).toContain(`alice publickey ${userKey} signed`);
  });

  test("sshd's logs show the same algorithms and user keys", async () => {
    const log = `${await server.sshd.log()}\n${await older.sshd.log()}`;
    expect(negotiationsIn(log).map(text).toSorted()).toEqual(combinations.map(text).toSorted());
    const accepted = log.split(/\r?\n/).filter((line) => line.startsWith("Accepted publickey for alice "));
    for (const { userKey } of combinations)
      expect(
        accepted.filter((line) => line.includes(fingerprint(keys.get(userKey)!.publicKey.blob, "sha256"))),
      ).not.toEqual([]);
  });
});

const data = randomData(16 * MIB);
const digest = { sha256: sha256(data), length: data.length };
let remoteFile: string;
beforeAll(async () => {
  remoteFile = await putRemoteFile(data);
});
afterAll(() => removeRemoteFile(remoteFile));

const server = useServer();

/** Returns options that offer only this cipher. */
function cipherOnly(cipher: string): Partial<ConnectOptions> {
  const ciphers = nodeAlgorithms.ciphers.filter(({ name }) => name === cipher);
  return { algorithms: { ...nodeAlgorithms, ciphers } };
}

describe.each(["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr"])("16 MiB with %s", (cipher) => {
  test("arrive unchanged in an upload", async () => {
    await using client = await server.connect(cipherOnly(cipher));
    const sum = await client.spawn("sha256sum");
    await writeAll(sum.stdin, data);
    expect((await sum.stdout.toArray()).join("")).toBe(`${digest.sha256}  -\n`);
    expect(await sum.exit).toMatchObject({ status: 0 });
  });

  test("arrive unchanged in a download", async () => {
    await using client = await server.connect(cipherOnly(cipher));
    const cat = await client.spawn(`cat ${remoteFile}`);
    expect(await digestOf(cat.stdout)).toEqual(digest);
    expect(await cat.exit).toMatchObject({ status: 0 });
  });

  test("arrive unchanged in both directions concurrently, with a rekey after each MiB", async () => {
    const window = 256 * 1024;
    let newKeys = 0;
    await using client = await server.connect({
      ...cipherOnly(cipher),
      limits: { rekeyBytes: MIB, initialWindow: window, maxWindow: window },
      trace: (record) => {
        if (record.type === "packet" && record.direction === "received" && record.message === "SSH_MSG_NEWKEYS")
          newKeys++;
      },
    });
    const cat = await client.spawn("cat");
    const [received] = await Promise.all([digestOf(cat.stdout), writeAll(cat.stdin, data)]);
    expect(received).toEqual(digest);
    expect(await cat.exit).toMatchObject({ status: 0 });
    expect(newKeys - 1).toBeGreaterThanOrEqual(Math.floor(data.length / (MIB + window)));
  });
});

function text({ kex, encryption, hostKey }: Negotiated): string {
  return `${kex}, ${encryption}, host ${hostKey}`;
}
