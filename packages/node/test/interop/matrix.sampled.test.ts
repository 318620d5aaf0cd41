import { fingerprint, type PrivateKey } from "@nacre/keys";
import {
  factorsOf,
  KEY_TYPES,
  lists,
  type Negotiated,
  negotiationsIn,
  only,
  signingWith,
} from "@nacre/testing/interop/algorithms";
import { makeKey, readKey, useFolder } from "@nacre/testing/interop/keys";
import { eachOnce, pairsOf, pairwise, product } from "@nacre/testing/interop/pairwise";
import { useServerOfAllAlgorithms } from "@nacre/testing/interop/server";
import { authorizeKey } from "@nacre/testing/openssh/sshd";
import { isThorough } from "@nacre/testing/sample";
import type { TraceRecord } from "nacre";
import { beforeAll, describe, expect, test } from "vitest";

// Tests every algorithm that both sides support; in a thorough run, in combinations that cover every pair.

const hostKeys = ["ed25519", "rsa-3072", "ecdsa-256", "ecdsa-384", "ecdsa-521"] as const;
const folder = useFolder();
const keys = new Map<string, PrivateKey>();
beforeAll(async () => {
  for (const [algorithm, type] of Object.entries(KEY_TYPES)) {
    const file = await makeKey(folder, algorithm, type);
    await authorizeKey("alice", file.publicKeyLine);
    keys.set(algorithm, signingWith(await readKey(file), algorithm));
  }
});

describe.each(lists)("on $crypto", ({ crypto, algorithms }) => {
  const factors = factorsOf(algorithms);
  const combinations = (isThorough ? pairwise : eachOnce)(factors);
  const server = useServerOfAllAlgorithms(hostKeys);
  // This server does not accept rsa-sha2-512 for a login.
  const older = useServerOfAllAlgorithms(hostKeys, ["PubkeyAcceptedAlgorithms -rsa-sha2-512"]);

  test("cover 9 key exchange methods, 15 encryption methods, 6 host keys and 6 user keys", () => {
    expect(Object.values(factors).map(({ length }) => length)).toEqual([9, 15, 6, 6]);
    const covered = isThorough ? pairsOf : (one: object) => Object.entries(one).map(String);
    expect(new Set(combinations.flatMap(covered))).toEqual(new Set(product(factors).flatMap(covered)));
  });

  describe("logs in and runs a command", () => {
    test.concurrent.for(combinations)(
      "$kex, $encryption, host $hostKey, user $userKey",
      async (combination, context) => {
        const { kex, encryption, hostKey, userKey } = combination;
        const trace: TraceRecord[] = [];
        await using client = await (userKey === "rsa-sha2-256" ? older : server).connect({
          crypto,
          identities: [keys.get(userKey)!],
          trace: (record) => trace.push(record),
          algorithms: only(algorithms, combination),
        });
        const { stdout, stderr, status } = await client.exec("echo $((6 * 7)); echo aside >&2; exit 3");
        context.expect({ stdout, stderr, status }).toEqual({ stdout: "42\n", stderr: "aside\n", status: 3 });

        const { negotiated } = client.info;
        context.expect(negotiated.kex.name).toBe(kex);
        context.expect(negotiated.hostKey.name).toBe(hostKey);
        context.expect(client.info.hostKey.algorithm).toBe(hostKey);
        for (const { cipher, mac } of [negotiated.clientToServer, negotiated.serverToClient])
          context.expect([cipher.name, ...(mac ? [mac.name] : [])].join(" ")).toBe(encryption);
        const requests = trace.flatMap((record) =>
          record.type === "packet" && record.message === "SSH_MSG_USERAUTH_REQUEST" ? [record.summary] : [],
        );
        context.expect(requests).toContain(`alice publickey ${userKey} signed`);
      },
    );
  });

  // Read the logs after all connections have ended.
  describe("the servers' logs agree", () => {
    let log = "";
    beforeAll(async () => {
      log = `${await server.sshd.log()}\n${await older.sshd.log()}`;
    });

    test("on the algorithms of each connection", () => {
      expect(negotiationsIn(log).map(text).toSorted()).toEqual(combinations.map(text).toSorted());
    });

    test("that every login used its key", () => {
      const accepted = log.split(/\r?\n/).filter((line) => line.startsWith("Accepted publickey for alice "));
      expect(accepted).toHaveLength(combinations.length);
      for (const algorithm of Object.keys(KEY_TYPES)) {
        const printed = fingerprint(keys.get(algorithm)!.publicKey.blob, "sha256");
        expect(accepted.filter((line) => line.endsWith(` ${printed}`))).toHaveLength(
          combinations.filter(({ userKey }) => userKey === algorithm).length,
        );
      }
    });
  });
});

function text({ kex, encryption, hostKey }: Negotiated): string {
  return `${kex}, ${encryption}, host ${hostKey}`;
}
