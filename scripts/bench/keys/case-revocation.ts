import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatKrl, type KeyToCheck, parseRevokedKeys } from "@nacre/keyfiles";
import { generateEd25519 } from "@nacre/keys";
import { authorizedKeys } from "@nacre/node";
import { utf8Encode, Writer } from "@nacre/wire";
import type { Authenticate, PublickeyLogin } from "nacre";
import type { Bench, Case, Sample } from "../bench.ts";
import { median, spread, type Table } from "../measure/table.ts";

const SIZE = 10 * 1000 * 1000;
const QUERIES = 1000;

/** Types of sections (OpenSSH PROTOCOL.krl). */
const CERTIFICATES = 1;
const KEYS = 2;
const SHA256 = 5;
const SERIALS = 0x20;
const RANGE = 0x21;
const BITMAP = 0x22;
const KEY_IDS = 0x23;

/** Measures revocation lists of 10 MB in all their shapes, and key queries at a server that has one. */
export const revocationCase: Case = {
  name: "revocation",
  what: "revocation lists of 10 MB: reading and asking them; key queries before login with and without a list",
  async run(bench) {
    const samples: Sample[] = [];
    return { tables: [listTimes(bench, samples), await queryTimes(bench, samples)], samples };
  },
};

/** A key and a certificate that no list has. */
const { publicKey } = generateEd25519(randomBytes);
const asked: KeyToCheck = {
  plainBlob: publicKey.blob,
  certificate: {
    serial: 2n ** 40n,
    keyId: utf8Encode("unknown"),
    authority: generateEd25519(randomBytes).publicKey.blob,
  },
};

function listTimes(bench: Bench, samples: Sample[]): Table {
  const shapes = shapesOf(SIZE);
  const times = new Map(shapes.map(({ name }) => [name, { read: [] as number[], query: [] as number[] }]));
  for (let round = 1; round <= bench.rounds; round++)
    for (const { name, list } of shapes) {
      bench.progress(`revocation: ${name}: round ${round} of ${bench.rounds}`);
      let began = performance.now();
      const revoked = parseRevokedKeys(list);
      const read = performance.now() - began;
      began = performance.now();
      for (let i = 0; i < QUERIES; i++)
        if (revoked.isRevoked(asked)) throw new Error(`the list of ${name} revokes a key that it does not have`);
      const query = ((performance.now() - began) / QUERIES) * 1000;
      times.get(name)!.read.push(read);
      times.get(name)!.query.push(query);
      samples.push({ what: "list", name, read, query });
    }
  return {
    title: `A revocation list of ${SIZE / 1e6} MB`,
    head: ["content", "read, ms", "query of a certificate, µs"],
    rows: shapes.map(({ name }) => [name, spread(times.get(name)!.read, 0), spread(times.get(name)!.query, 1)]),
    notes: [
      "In no order, unless the name says otherwise. Goals: read in less than 1,000 ms, queries in less than 50 µs.",
    ],
  };
}

/** Measures what `authorizedKeys` takes for a key query that it refuses, with the files that it reads. */
async function queryTimes(bench: Bench, samples: Sample[]): Promise<Table> {
  const folder = await mkdtemp(join(tmpdir(), "nacre-bench-revocation-"));
  try {
    const digests = Array.from({ length: Math.floor(SIZE / 36) }, (_, i) => sha256Of(i));
    const list = formatKrl({ version: 1n, date: 0n, sha256: digests });
    await writeFile(join(folder, "revoked"), list, { mode: 0o600 });
    await writeFile(join(folder, "authorized_keys"), "", { mode: 0o600 });
    const contests = [
      { name: "without a list", authenticate: authorizedKeys("~/authorized_keys", { home: folder }) },
      {
        name: "with a list of 10 MB",
        authenticate: authorizedKeys("~/authorized_keys", { home: folder, revokedKeys: "~/revoked" }),
      },
    ];
    const results = new Map(contests.map(({ name }) => [name, [] as number[]]));
    for (const { authenticate } of contests) await query(authenticate, QUERIES);
    for (let round = 1; round <= bench.rounds; round++)
      for (const { name, authenticate } of contests) {
        bench.progress(`revocation: queries ${name}: round ${round} of ${bench.rounds}`);
        const ms = await query(authenticate, QUERIES);
        results.get(name)!.push(ms);
        samples.push({ what: "queries", name, ms });
      }
    const plain = results.get(contests[0]!.name)!;
    return {
      title: `${QUERIES} key queries before login, as \`authorizedKeys\` decides them`,
      head: ["server", "ms", "vs. without a list"],
      rows: contests.map(({ name }, index) => {
        const all = results.get(name)!;
        const ratio = median(all.map((ms, round) => ms / plain[round]!));
        return [name, spread(all, 0), index === 0 ? "" : `${ratio.toFixed(2)} ×`];
      }),
      notes: [
        "Both read authorized_keys each time. With a list, it is also checked each time that its file has not changed; the list is parsed once.",
      ],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function query(authenticate: Authenticate, count: number): Promise<number> {
  const login: PublickeyLogin = {
    method: "publickey",
    user: "alice",
    factors: [],
    remoteAddress: "127.0.0.1",
    algorithm: "ssh-ed25519",
    publicKey: publicKey.blob,
    fingerprint: "SHA256:",
    signed: false,
  };
  const began = performance.now();
  for (let i = 0; i < count; i++)
    if ((await authenticate(login)) !== false) throw new Error("a key was accepted that no file has");
  return performance.now() - began;
}

interface Shape {
  readonly name: string;
  readonly list: Uint8Array;
}

function shapesOf(size: number): readonly Shape[] {
  const many = (bytes: number, make: (index: number) => Uint8Array): Uint8Array => {
    const writer = new Writer(size);
    for (let index = 0; index < size / bytes; index++) writer.raw(make(index));
    return writer.finish();
  };
  const keys = (type: number, bytes: number, make: (index: number) => Uint8Array): Uint8Array =>
    listOf(section(type, many(bytes, make)));
  const certificates = (content: Uint8Array): Uint8Array =>
    listOf(section(CERTIFICATES, new Writer().string("").string("").raw(content).finish()));
  return [
    { name: "empty strings as keys", list: keys(KEYS, 4, () => new Uint8Array(4)) },
    {
      name: "keys",
      list: keys(KEYS, 55, (index) => text(new Writer().string("ssh-ed25519").string(sha256Of(index)).finish())),
    },
    { name: "digests", list: keys(SHA256, 36, (index) => text(sha256Of(index))) },
    {
      name: "key ids",
      list: certificates(
        section(
          KEY_IDS,
          many(34, (index) => text(`user-${String(sha256Of(index)[0])}-${index}@example.org`.padEnd(30))),
        ),
      ),
    },
    {
      name: "serial numbers",
      list: certificates(
        section(
          SERIALS,
          many(8, (index) => uint64(serial(index))),
        ),
      ),
    },
    { name: "short ranges", list: certificates(many(21, (index) => section(RANGE, range(index, 9n)))) },
    { name: "ranges that overlap", list: certificates(many(21, (index) => section(RANGE, range(index, 2n ** 38n)))) },
    { name: "short bitmaps", list: certificates(many(18, (index) => section(BITMAP, bits(index)))) },
    {
      name: "one bitmap",
      list: certificates(section(BITMAP, new Writer().uint64(1n).string(new Uint8Array(size).fill(0x55)).finish())),
    },
    {
      name: "serial numbers in order",
      list: certificates(
        section(
          SERIALS,
          many(8, (index) => uint64(BigInt(2 * index + 1))),
        ),
      ),
    },
  ];
}

function listOf(only: Uint8Array): Uint8Array {
  const head = new Writer()
    .raw(utf8Encode("SSHKRL\n\0"))
    .uint32(1)
    .uint64(1n)
    .uint64(0n)
    .uint64(0n)
    .string("")
    .string("");
  return new Writer(only.length + 64).raw(head.finish()).raw(only).finish();
}

function sha256Of(index: number): Uint8Array {
  return createHash("sha256").update(String(index)).digest();
}

function text(value: string | Uint8Array): Uint8Array {
  return new Writer().string(value).finish();
}

function section(type: number, content: Uint8Array): Uint8Array {
  return new Writer().byte(type).string(content).finish();
}

function uint64(...numbers: readonly bigint[]): Uint8Array {
  return numbers.reduce((writer, number) => writer.uint64(number), new Writer()).finish();
}

/** Returns a serial number below 2^40, other than 0. */
function serial(index: number): bigint {
  return ((BigInt(index + 1) * 0x9e37_79b9_7f4an) % (2n ** 40n - 1n)) + 1n;
}

/** Returns a range of serial numbers. */
function range(index: number, length: bigint): Uint8Array {
  const first = serial(index) / 2n + 1n;
  return uint64(first, first + length);
}

/** Returns a bitmap with four serial numbers. */
function bits(index: number): Uint8Array {
  return new Writer()
    .uint64(serial(index) / 2n + 1n)
    .string(Uint8Array.of(0x55))
    .finish();
}
