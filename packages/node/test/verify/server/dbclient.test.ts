import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PrivateKey } from "@nacre/keys";
import { type Combination, factorsOf, KEY_TYPES, lists, only } from "@nacre/testing/interop/algorithms";
import { type KeyFile, type KeyType, makeKey, readKey, useFolder } from "@nacre/testing/interop/keys";
import { keysOf, runInShell, runPeer } from "@nacre/testing/interop/our-server";
import { pairwise } from "@nacre/testing/interop/pairwise";
import type { TraceRecord } from "nacre";
import { beforeAll, describe, test } from "vitest";
import { listen } from "../../../src/index.ts";
import { DROPBEAR_NAMES, dropbearKey, proposalIn } from "../support/dropbear.ts";

// Tests dropbear's dbclient against our server with every algorithm that both sides support, in combinations that cover every pair.

const known = (name: string): boolean => DROPBEAR_NAMES.has(name);
const TYPES = [...new Set(Object.values(KEY_TYPES))];
const folder = useFolder();
const userKeys = new Map<KeyType, KeyFile & { readonly dropbear: string }>();
const hostKeys: PrivateKey[] = [];
beforeAll(async () => {
  const lines: string[] = [];
  for (const type of TYPES) {
    const file = await makeKey(folder, type, type);
    userKeys.set(type, { ...file, dropbear: await dropbearKey(file.path) });
    const hostKey = await makeKey(folder, `host_${type}`, type);
    hostKeys.push(await readKey(hostKey));
    // dbclient's known_hosts lines contain no port and no comment.
    lines.push(`127.0.0.1 ${hostKey.publicKeyLine.split(" ").slice(0, 2).join(" ")}\n`);
  }
  await mkdir(join(folder.path, ".ssh"));
  await writeFile(join(folder.path, ".ssh", "known_hosts"), lines.join(""));
});

describe.each(lists)("on $crypto", ({ crypto, algorithms }) => {
  test.concurrent.for(pairwise(factorsOf(algorithms, known)))(
    "$kex, $encryption, host $hostKey, user $userKey",
    async (combination: Combination, { expect }) => {
      const { kex, encryption, hostKey, userKey } = combination;
      const [cipher = "", mac] = encryption.split(" ");
      const trace: TraceRecord[] = [];
      const key = userKeys.get(KEY_TYPES[userKey]!)!;
      await using server = await listen({
        port: 0,
        crypto,
        hostKeys,
        // dbclient has no option for key exchange methods and host keys, so our server restricts them.
        algorithms: {
          ...algorithms,
          kex: only(algorithms, combination).kex,
          hostKeys: only(algorithms, combination).hostKeys,
        },
        authenticate: keysOf(() => key),
        session: runInShell,
        trace: (record) => trace.push(record),
      });
      const words = ["-T", "-c", cipher, ...(mac === undefined ? [] : ["-m", mac]), "-i", key.dropbear];
      const target = ["-p", `${server.address.port}`, "alice@127.0.0.1", "cat; exit 3"];
      const ran = await runPeer(["dbclient", ...words, ...target], {
        input: "from dbclient\n",
        env: { HOME: folder.path },
      });
      const { stdout, stderr, status } = ran;
      expect({ stdout: stdout.toString(), stderr, status }).toEqual({
        stdout: "from dbclient\n",
        stderr: "",
        status: 3,
      });
      const proposed = proposalIn(trace);
      expect(proposed).toEqual(expect.arrayContaining([kex, hostKey]));
      const named = (list: readonly { readonly name: string }[]): string[] =>
        list.map(({ name }) => name).filter((name) => proposed.includes(name));
      expect(named(algorithms.ciphers)).toEqual([cipher]);
      if (mac !== undefined) expect(named(algorithms.macs)).toEqual([mac]);
      const requests = trace.flatMap((record) =>
        record.type === "packet" && record.message === "SSH_MSG_USERAUTH_REQUEST" ? [record.summary] : [],
      );
      expect(requests).toContain(`alice publickey ${userKey} signed`);
    },
  );
});
