import { fingerprint, type PrivateKey, rsaSha2_256 } from "@nacre/keys";
import type { TraceRecord } from "nacre";
import { defaultAlgorithms } from "nacre/defaults";
import { beforeAll, describe, expect, test } from "vitest";
import { authorizeKey } from "../../../../scripts/openssh/sshd.ts";
import { type KeyType, makeKey, readKey, useFolder } from "./support/keys.ts";
import { useServer } from "./support/server.ts";

// Everything that both sides have, in each combination: 15 ways to encrypt × 6 host-key algorithms × 6 of user keys.

const CTR = ["aes128-ctr", "aes192-ctr", "aes256-ctr"];
const AEAD = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"];
const MACS = ["hmac-sha2-256", "hmac-sha2-512", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"];
const SIGNATURES: readonly { readonly algorithm: string; readonly type: KeyType }[] = [
  { algorithm: "ssh-ed25519", type: "ed25519" },
  { algorithm: "rsa-sha2-512", type: "rsa-3072" },
  { algorithm: "rsa-sha2-256", type: "rsa-3072" },
  { algorithm: "ecdsa-sha2-nistp256", type: "ecdsa-256" },
  { algorithm: "ecdsa-sha2-nistp384", type: "ecdsa-384" },
  { algorithm: "ecdsa-sha2-nistp521", type: "ecdsa-521" },
];

const encryptions: readonly { readonly cipher: string; readonly mac: string | undefined }[] = [
  ...CTR.flatMap((cipher) => MACS.map((mac) => ({ cipher, mac }))),
  ...AEAD.map((cipher) => ({ cipher, mac: undefined })),
];
const combinations = encryptions.flatMap(({ cipher, mac }) =>
  SIGNATURES.flatMap((hostKey) =>
    SIGNATURES.map((userKey) => ({ cipher, mac, hostKey: hostKey.algorithm, userKey: userKey.algorithm })),
  ),
);

const hostKeys = ["ed25519", "rsa-3072", "ecdsa-256", "ecdsa-384", "ecdsa-521"] as const;
const folder = useFolder();
const server = useServer({ hostKeys, logLevel: "DEBUG1" });
// It takes no rsa-sha2-512 for a login.
const older = useServer({ hostKeys, logLevel: "DEBUG1", config: ["PubkeyAcceptedAlgorithms -rsa-sha2-512"] });
const keys = new Map<string, PrivateKey>();

beforeAll(async () => {
  for (const { algorithm, type } of SIGNATURES) {
    const file = await makeKey(folder, algorithm, type);
    await authorizeKey("alice", file.publicKeyLine);
    const key = await readKey(file);
    // An RSA key signs with rsa-sha2-512 where it may.
    const { publicKey } = key;
    keys.set(
      algorithm,
      algorithm === "rsa-sha2-256" ? { ...key, publicKey: { ...publicKey, algorithms: [rsaSha2_256] } } : key,
    );
  }
});

test("there are 540 combinations", () => {
  expect(combinations).toHaveLength(540);
});

describe("logs in and runs a command", () => {
  test.concurrent.for(combinations)("$cipher $mac, host $hostKey, user $userKey", async (combination, context) => {
    const { cipher, mac, hostKey, userKey } = combination;
    const trace: TraceRecord[] = [];
    await using client = await (userKey === "rsa-sha2-256" ? older : server).connect({
      identities: [keys.get(userKey)!],
      trace: (record) => trace.push(record),
      algorithms: {
        ...defaultAlgorithms,
        ciphers: defaultAlgorithms.ciphers.filter(({ name }) => name === cipher),
        // What an AEAD cipher makes of the MACs is nothing, also when some are offered.
        macs: defaultAlgorithms.macs.filter(({ name }) => mac === undefined || name === mac),
        hostKeys: defaultAlgorithms.hostKeys.filter(({ name }) => name === hostKey),
      },
    });
    const { stdout, stderr, status } = await client.exec("echo $((6 * 7)); echo aside >&2; exit 3");
    context.expect({ stdout, stderr, status }).toEqual({ stdout: "42\n", stderr: "aside\n", status: 3 });

    const { negotiated } = client.info;
    context.expect(negotiated.hostKey.name).toBe(hostKey);
    context.expect(client.info.hostKey.algorithm).toBe(hostKey);
    for (const direction of [negotiated.clientToServer, negotiated.serverToClient])
      context.expect({ cipher: direction.cipher.name, mac: direction.mac?.name }).toEqual({ cipher, mac });
    const requests = trace.flatMap((record) =>
      record.type === "packet" && record.message === "SSH_MSG_USERAUTH_REQUEST" ? [record.summary] : [],
    );
    context.expect(requests).toContain(`alice publickey ${userKey} signed`);
  });
});

// Read when all of them are through: what the servers say of them.
describe("the servers' logs agree", () => {
  let lines: readonly string[] = [];
  const count = (pattern: RegExp): number => lines.filter((line) => pattern.test(line)).length;
  beforeAll(async () => {
    lines = `${await server.sshd.log()}\n${await older.sshd.log()}`.split(/\r?\n/);
  });

  test.for(encryptions)("$cipher $mac in both directions, 36 times", ({ cipher, mac }) => {
    for (const way of ["client->server", "server->client"])
      expect(count(new RegExp(`kex: ${way} cipher: ${cipher} MAC: ${mac ?? "<implicit>"} compression: none`))).toBe(36);
  });

  test.for(SIGNATURES)("host key $algorithm, 90 times", ({ algorithm }) => {
    expect(count(new RegExp(`kex: host key algorithm: ${algorithm}( \\[preauth\\])?$`))).toBe(90);
  });

  test("every login was by its key", () => {
    expect(count(/^Accepted publickey for alice /)).toBe(540);
    for (const { algorithm } of SIGNATURES) {
      const printed = fingerprint(keys.get(algorithm)!.publicKey.blob, "sha256");
      expect(
        lines.filter((line) => line.startsWith("Accepted publickey") && line.endsWith(` ${printed}`)),
      ).toHaveLength(90);
    }
  });
});
