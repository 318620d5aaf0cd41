import { factorsOf, KEY_TYPES } from "@nacre/testing/interop/algorithms";
import { MIB, randomData, sha256 } from "@nacre/testing/interop/data";
import { type KeyFile, makeKey, useFolder } from "@nacre/testing/interop/keys";
import { expectQuiet, keysOf, runPeer, ssh, useOurServer } from "@nacre/testing/interop/our-server";
import { eachOnce } from "@nacre/testing/interop/pairwise";
import { beforeAll, describe, expect, test } from "vitest";
import { nodeServerAlgorithms } from "../../../packages/node/src/index.ts";

// Tests `listen` of @nacre/node with OpenSSH's ssh as the client.

const folder = useFolder();
const files = new Map<string, KeyFile>();
beforeAll(async () => {
  for (const [algorithm, type] of Object.entries(KEY_TYPES))
    files.set(algorithm, await makeKey(folder, algorithm, type));
});

const server = useOurServer({
  authenticate: (login) => keysOf(...[...files.values()].map((file) => () => file))(login),
  hostKeyTypes: ["ed25519", "rsa-3072", "ecdsa-256", "ecdsa-384", "ecdsa-521"],
});

describe("ssh with each algorithm at least once", () => {
  test.for(eachOnce(factorsOf(nodeServerAlgorithms)))(
    "$kex, $encryption, host $hostKey, user $userKey",
    async ({ kex, encryption, hostKey, userKey }) => {
      const [cipher, mac] = encryption.split(" ");
      const options = [
        `KexAlgorithms=${kex}`,
        `Ciphers=${cipher}`,
        ...(mac === undefined ? [] : [`MACs=${mac}`]),
        `HostKeyAlgorithms=${hostKey}`,
        `PubkeyAcceptedAlgorithms=${userKey}`,
      ];
      const words = ["-v", ...options.flatMap((option) => ["-o", option])];
      const ran = await runPeer([...ssh(server, { key: files.get(userKey)!, words }), "cat; echo aside >&2; exit 3"], {
        input: "in",
      });
      expect(ran.stdout.toString()).toBe("in");
      expect(ran.status).toBe(3);
      const lines = ran.stderr.split(/\r?\n/);
      expect(lines).toContain("aside");
      expect(lines).toContain(`debug1: kex: algorithm: ${kex}`);
      expect(lines).toContain(`debug1: kex: host key algorithm: ${hostKey}`);
      for (const way of ["client->server", "server->client"])
        expect(lines).toContain(`debug1: kex: ${way} cipher: ${cipher} MAC: ${mac ?? "<implicit>"} compression: none`);
    },
  );
});

describe.each(["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr"])("16 MiB with %s", (cipher) => {
  const data = randomData(16 * MIB);
  const words = ["-o", `Ciphers=${cipher}`];

  test("arrive unchanged at the server", async () => {
    const ran = await runPeer([...ssh(server, { key: files.get("ssh-ed25519")!, words }), "sha256sum"], {
      input: data,
    });
    expect(ran.stdout.toString()).toBe(`${sha256(data)}  -\n`);
    expectQuiet(ran);
  });

  test("come back unchanged, with a rekey after each MiB", async () => {
    const rekeying = ["-v", ...words, "-o", "RekeyLimit=1M"];
    const ran = await runPeer([...ssh(server, { key: files.get("ssh-ed25519")!, words: rekeying }), "cat"], {
      input: data,
    });
    expect({ length: ran.stdout.length, sha256: sha256(ran.stdout) }).toEqual({
      length: data.length,
      sha256: sha256(data),
    });
    expect(ran.status).toBe(0);
    expect([...ran.stderr.matchAll(/kex: algorithm: /g)].length).toBeGreaterThanOrEqual(4);
  });
});
