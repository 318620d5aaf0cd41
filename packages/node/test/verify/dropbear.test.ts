import { fingerprint, type PrivateKey } from "@nacre/keys";
import { type Combination, factorsOf, KEY_TYPES, lists, only, signingWith } from "@nacre/testing/interop/algorithms";
import { makeKey, readKey, useFolder } from "@nacre/testing/interop/keys";
import { pairwise } from "@nacre/testing/interop/pairwise";
import type { TraceRecord } from "nacre";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { connect } from "../../src/index.ts";
import { DROPBEAR_NAMES, proposalIn, useDropbears } from "./support/dropbear.ts";

// Connects to dropbear with every algorithm that both sides support, in combinations that cover every pair.

const known = (name: string): boolean => DROPBEAR_NAMES.has(name);
const folder = useFolder();
const dropbear = useDropbears();
const keys = new Map<string, PrivateKey>();
beforeAll(async () => {
  const lines: string[] = [];
  for (const [algorithm, type] of Object.entries(KEY_TYPES)) {
    const file = await makeKey(folder, algorithm, type);
    lines.push(file.publicKeyLine);
    keys.set(algorithm, signingWith(await readKey(file), algorithm));
  }
  await dropbear.authorize(lines);
});

describe.each(lists)("on $crypto", ({ crypto, algorithms }) => {
  test("dropbear proposes exactly these of our algorithms", async () => {
    const trace: TraceRecord[] = [];
    const proposed = new Set<string>();
    for (const { port, fingerprint: hostKey } of dropbear.servers.values()) {
      const identities = [keys.get("ssh-ed25519")!];
      const record = (entry: TraceRecord): void => void trace.push(entry);
      const where = { host: "127.0.0.1", port, user: dropbear.user, agent: false } as const;
      await using _client = await connect({ ...where, crypto, identities, hostKey, trace: record });
      for (const name of proposalIn(trace.splice(0))) proposed.add(name);
    }
    const ours: readonly { readonly name: string }[] = Object.values(algorithms).flat();
    expect(new Set(ours.map(({ name }) => name).filter((name) => proposed.has(name)))).toEqual(DROPBEAR_NAMES);
  });

  test.concurrent.for(pairwise(factorsOf(algorithms, known)))(
    "$kex, $encryption, host $hostKey, user $userKey",
    async (combination: Combination, { expect }) => {
      const { kex, encryption, hostKey, userKey } = combination;
      const trace: TraceRecord[] = [];
      const server = dropbear.servers.get(hostKey)!;
      await using client = await connect({
        host: "127.0.0.1",
        port: server.port,
        user: dropbear.user,
        agent: false,
        crypto,
        identities: [keys.get(userKey)!],
        hostKey: server.fingerprint,
        algorithms: only(algorithms, combination),
        trace: (record) => trace.push(record),
      });
      const { stdout, status } = await client.exec("cat; exit 3", { input: "to dropbear\n" });
      expect({ stdout, status }).toEqual({ stdout: "to dropbear\n", status: 3 });
      expect(proposalIn(trace)).toEqual(expect.arrayContaining([kex, hostKey, ...encryption.split(" ")]));
      const { format, blob } = keys.get(userKey)!.publicKey;
      const login = `Pubkey auth succeeded for '${dropbear.user}' with ${format} key ${fingerprint(blob, "sha256")}`;
      // dropbear's log arrives asynchronously through a pipe.
      await vi.waitFor(() => expect(dropbear.log().includes(login)).toBe(true), 10_000);
    },
  );
});
