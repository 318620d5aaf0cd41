import { factorsOf, KEY_TYPES, lists, negotiationsIn } from "@nacre/testing/interop/algorithms";
import { type KeyFile, type KeyType, makeKey, useFolder } from "@nacre/testing/interop/keys";
import { keysOf, runPeer, ssh, useOurServer } from "@nacre/testing/interop/our-server";
import { eachOnce, pairwise } from "@nacre/testing/interop/pairwise";
import { isThorough } from "@nacre/testing/sample";
import { beforeAll, describe, test } from "vitest";

// Tests OpenSSH's ssh against our server with every algorithm that both sides support; in a thorough run, in combinations that cover every
// pair. ssh's log shows the negotiated algorithms.

const TYPES = [...new Set(Object.values(KEY_TYPES))];
const folder = useFolder();
const keys = new Map<KeyType, KeyFile>();
beforeAll(async () => {
  for (const type of TYPES) keys.set(type, await makeKey(folder, type, type));
});

describe.each(lists)("on $crypto", ({ crypto, algorithms }) => {
  const server = useOurServer({
    crypto,
    // The client offers all algorithms, more than a server offers by default.
    algorithms,
    hostKeyTypes: TYPES,
    authenticate: keysOf(...TYPES.map((type) => () => keys.get(type)!)),
  });

  test.concurrent.for((isThorough ? pairwise : eachOnce)(factorsOf(algorithms)))(
    "$kex, $encryption, host $hostKey, user $userKey",
    async ({ kex, encryption, hostKey, userKey }, { expect }) => {
      const [cipher, mac] = encryption.split(" ");
      const options = {
        KexAlgorithms: kex,
        Ciphers: cipher,
        ...(mac !== undefined && { MACs: mac }),
        HostKeyAlgorithms: hostKey,
        PubkeyAcceptedAlgorithms: userKey,
      };
      const words = ["-vvv", ...Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`])];
      const key = keys.get(KEY_TYPES[userKey]!)!;
      const ran = await runPeer([...ssh(server, { key, words }), "cat; exit 3"], { input: "from ssh\n" });
      expect(ran.stdout.toString()).toBe("from ssh\n");
      expect(ran.status).toBe(3);
      expect(negotiationsIn(ran.stderr)).toEqual([{ kex, encryption, hostKey }]);
      expect(ran.stderr).toMatch(new RegExp(`^debug3: sign_and_send_pubkey: signing using ${userKey} SHA256:`, "m"));
    },
  );
});
