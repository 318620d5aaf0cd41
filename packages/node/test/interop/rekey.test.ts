import type { Client } from "@nacre/node";
import { digestOf, MIB, randomData, sha256, writeAll } from "@nacre/testing/interop/data";
import { putRemoteFile, removeRemoteFile } from "@nacre/testing/interop/remote-file";
import { type Server, useServer } from "@nacre/testing/interop/server";
import type { TraceRecord } from "nacre";
import { defaultAlgorithms } from "nacre/defaults";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ConnectOptions } from "../../src/index.ts";

const data = randomData(16 * MIB);
let file: string;
beforeAll(async () => {
  file = await putRemoteFile(data);
});
afterAll(() => removeRemoteFile(file));

const patient = useServer();
const eager = useServer({ config: ["RekeyLimit 1M"] });

// If rekeying is due after 1 MiB, the peer may still send up to its window before our KEXINIT reaches it.
const WINDOW = 256 * 1024;
const OPENSSH_WINDOW = 2 * MIB;
const ours: Partial<ConnectOptions> = { limits: { rekeyBytes: MIB, initialWindow: WINDOW, maxWindow: WINDOW } };

/** A connection that counts its key exchanges except the first. */
async function counting(
  server: Server,
  cipher: string,
  options: Partial<ConnectOptions>,
): Promise<{ readonly client: Client; readonly exchanges: () => number }> {
  let newKeys = 0;
  const client = await server.connect({
    ...options,
    algorithms: {
      ...defaultAlgorithms,
      ciphers: defaultAlgorithms.ciphers.filter(({ name }) => name === cipher),
    },
    trace: (record) => {
      if (isNewKeys(record, "received")) newKeys++;
    },
  });
  return { client, exchanges: () => newKeys - 1 };
}

function isNewKeys(record: TraceRecord, direction: "sent" | "received"): boolean {
  return record.type === "packet" && record.direction === direction && record.message === "SSH_MSG_NEWKEYS";
}

describe.each([
  { who: "this side rekeys", server: patient, options: ours, window: WINDOW },
  { who: "the server rekeys", server: eager, options: {}, window: OPENSSH_WINDOW },
  { who: "both sides rekey", server: eager, options: ours, window: WINDOW },
])("$who each MiB", ({ server, options, window }) => {
  const size = 6 * MIB;
  const part = data.subarray(0, size);
  const cipher = "chacha20-poly1305@openssh.com";

  test("6 MiB down", async () => {
    const { client, exchanges } = await counting(server, cipher, options);
    await using _ = client;
    const head = await client.spawn(`head -c ${size} ${file}`);
    expect(await digestOf(head.stdout)).toEqual({ sha256: sha256(part), length: size });
    expect(await head.exit).toMatchObject({ status: 0 });
    expect(exchanges()).toBeGreaterThanOrEqual(Math.floor(size / (MIB + window)));
  });

  test("6 MiB up", async () => {
    const { client, exchanges } = await counting(server, cipher, options);
    await using _ = client;
    const sum = await client.spawn("sha256sum");
    await writeAll(sum.stdin, part);
    expect((await sum.stdout.toArray()).join("")).toBe(`${sha256(part)}  -\n`);
    expect(await sum.exit).toMatchObject({ status: 0 });
    expect(exchanges()).toBeGreaterThanOrEqual(Math.floor(size / (MIB + OPENSSH_WINDOW)));
  });
});

test.for(["aes256-ctr", "aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com"])(
  "16 MiB up and down concurrently, while both sides rekey each MiB: %s",
  async (cipher) => {
    const { client, exchanges } = await counting(eager, cipher, ours);
    await using _ = client;
    const cat = await client.spawn("cat");
    const [received] = await Promise.all([digestOf(cat.stdout), writeAll(cat.stdin, data)]);
    expect(received).toEqual({ sha256: sha256(data), length: data.length });
    expect(await cat.exit).toMatchObject({ status: 0 });
    expect(exchanges()).toBeGreaterThanOrEqual(Math.floor(data.length / (MIB + WINDOW)));
    // The connection still works.
    expect((await client.exec("echo on")).stdout).toBe("on\n");
  },
);

test("rekeying on demand, with commands before, during and after", async () => {
  const trace: TraceRecord[] = [];
  await using client = await patient.connect({ trace: (record) => trace.push(record) });
  const cat = await client.spawn("cat");
  for (let i = 1; i <= 5; i++) {
    client.rekey();
    cat.stdin.write(`${i}\n`);
    expect((await client.exec(`echo ${i}`)).stdout).toBe(`${i}\n`);
  }
  cat.stdin.end();
  expect((await cat.stdout.toArray()).join("")).toBe("1\n2\n3\n4\n5\n");
  for (const direction of ["sent", "received"] as const)
    expect(trace.filter((record) => isNewKeys(record, direction))).toHaveLength(6);
});
