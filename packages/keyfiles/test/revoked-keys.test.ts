import { generateEd25519 } from "@nacre/keys";
import { expectError } from "@nacre/testing/errors";
import { flipped } from "@nacre/testing/keyfiles";
import { seededRandom } from "@nacre/testing/random";
import { base64Decode, base64Encode, concatBytes, SshError, toHex, utf8Encode, Writer } from "@nacre/wire";
import { sha1 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import vectors from "../../../test-vectors/revocation-lists.json" with { type: "json" };
import {
  type CertificatesToRevoke,
  formatKrl,
  type KeyToCheck,
  type Krl,
  type KrlContent,
  mergeRanges,
  parseKrl,
  parseRevokedKeys,
} from "../src/index.ts";

const random = seededRandom(4);
const [first, second, third] = Array.from({ length: 3 }, () => generateEd25519(random).publicKey.blob) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const lineOf = (blob: Uint8Array): string => `ssh-ed25519 ${base64Encode(blob)}`;
const MAX = 0xffff_ffff_ffff_ffffn;

/** Keys and certificates of the vectors, by name. */
const subjects = new Map<string, KeyToCheck>(
  [...vectors.keys].map(({ name, blob }) => [name, { plainBlob: base64Decode(blob)! }]),
);
for (const { name, authority, key, serial, keyId } of vectors.certificates)
  subjects.set(name, {
    plainBlob: subjects.get(key)!.plainBlob,
    certificate: {
      serial: BigInt(serial),
      keyId: utf8Encode(keyId),
      authority: subjects.get(authority)!.plainBlob,
    },
  });

const krlOf = (content: Omit<KrlContent, "version" | "date">): Uint8Array =>
  formatKrl({ version: 1n, date: 0n, ...content });
const certificatesWith = (more: Omit<CertificatesToRevoke, "authority">): Uint8Array =>
  krlOf({ certificates: [{ authority: first, ...more }] });
const isRevoked = (list: Uint8Array, key: KeyToCheck): boolean => parseRevokedKeys(list).isRevoked(key);
const revokedBy = (list: Uint8Array): string[] => {
  const revoked = parseRevokedKeys(list);
  return [...subjects].filter(([, subject]) => revoked.isRevoked(subject)).map(([name]) => name);
};

describe.each(vectors.lists)("the list of ssh-keygen with $name", ({ bytes, revoked }) => {
  const list = base64Decode(bytes)!;

  test("revokes what ssh-keygen says", () => {
    expect(revokedBy(list)).toEqual(revoked);
  });

  test("revokes the same when it is written again", () => {
    const krl = parseKrl(list);
    expect([krl.version, krl.comment]).toEqual([7n, ""]);
    const again = formatKrl({ ...krl, certificates: krl.certificates.values() });
    expect(again.length).toBeLessThanOrEqual(list.length + 4);
    expect(revokedBy(again)).toEqual(revoked);
    expect(contentOf(parseKrl(again))).toEqual(contentOf(krl));
  });

  test("is refused when it is cut off, and harmless with any byte changed", () => {
    // What is left of a list that ends between two sections is a list.
    for (let length = 0; length < list.length; length++) {
      const cut = list.subarray(0, length);
      if (!endsSection(cut)) expectError("file-malformed", () => parseKrl(cut));
    }
    for (let at = 0; at < list.length; at++)
      for (const mask of [0x01, 0x80, 0xff]) {
        try {
          parseRevokedKeys(flipped(list, at, mask)).isRevoked(subjects.get("alice-17-cert")!);
        } catch (error) {
          expect(error).toBeInstanceOf(SshError);
        }
      }
  });
});

/** Everything in a list, as plain values. */
function contentOf({ version, date, comment, keys, sha1: sha1s, sha256: sha256s, certificates }: Krl) {
  return {
    version,
    date,
    comment,
    keys: [...keys],
    sha1: [...sha1s],
    sha256: [...sha256s],
    certificates: [...certificates.values()].map(({ authority, serials, keyIds }) => ({
      authority,
      serials: mergeRanges(serials),
      keyIds: [...keyIds],
    })),
  };
}

/** Whether bytes are a head and whole sections. */
function endsSection(list: Uint8Array): boolean {
  const view = new DataView(list.buffer, list.byteOffset, list.length);
  let at = 44;
  while (at + 5 <= list.length) at += 5 + view.getUint32(at + 1);
  return at === list.length;
}

describe("a list in memory", () => {
  test("revokes each key, digest, id and serial number that it was made of, and no other", () => {
    const serial = fc.oneof(fc.bigInt(1n, 200n), fc.bigInt(1n, MAX), fc.bigInt(MAX - 100n, MAX));
    const range = fc
      .tuple(serial, fc.oneof(fc.constant(0n), fc.bigInt(0n, 300n)))
      .map(([from, more]) => [from, from + more > MAX ? MAX : from + more] as const);
    fc.assert(
      fc.property(fc.array(range, { maxLength: 60 }), fc.array(serial), (ranges, asked) => {
        const list = formatKrl({ version: 1n, date: 0n, certificates: [{ authority: first, serials: ranges }] });
        const krl = parseKrl(list);
        for (const one of [...asked, ...ranges.flat(), ...ranges.map(([, last]) => (last === MAX ? 1n : last + 1n))]) {
          const expected = ranges.some(([from, to]) => from <= one && one <= to);
          expect([one, krl.certificates.get(base64Encode(first))?.serials.has(one) ?? false]).toEqual([one, expected]);
        }
      }),
    );
  });

  test("is merged with another by joining their parts", () => {
    const one = parseKrl(formatKrl({ version: 1n, date: 0n, keys: [second, first], sha1: [sha1(third)] }));
    const certificates = [{ authority: first, serials: [[5n, 9n] as const], keyIds: ["b", "a", "b"] }];
    const two = parseKrl(formatKrl({ version: 1n, date: 0n, keys: [first], certificates }));
    const merged = parseKrl(
      formatKrl({
        version: 2n,
        date: 3n,
        comment: "both",
        keys: [...one.keys, ...two.keys],
        sha1: one.sha1,
        sha256: [sha256(third)],
        certificates: [...two.certificates.values(), { authority: first, serials: [[10n, 12n]] }],
      }),
    );
    expect(merged).toMatchObject({ version: 2n, date: 3n, comment: "both" });
    expect(merged.keys.size).toBe(2);
    expect(contentOf(merged).certificates).toEqual([
      { authority: first, serials: [[5n, 12n]], keyIds: [utf8Encode("a"), utf8Encode("b")] },
    ]);
  });

  test("may be unsorted, and have sections that overlap", () => {
    const serials = new Writer()
      .string(first)
      .string("")
      .byte(0x20)
      .string(new Writer().uint64(90n).uint64(7n).uint64(8n).finish())
      .byte(0x21)
      .string(new Writer().uint64(50n).uint64(2000n).finish())
      .byte(0x22)
      .string(new Writer().uint64(60n).mpint(5n).finish())
      .byte(0x23)
      .string(new Writer().string("z").string("a").string("m").finish());
    const krl = parseKrl(listOf({ certificates: serials.finish() }));
    const { serials: found, keyIds } = krl.certificates.get(base64Encode(first))!;
    for (const serial of [7n, 8n, 50n, 60n, 62n, 90n, 1999n, 2000n])
      expect([serial, found.has(serial)]).toEqual([serial, true]);
    for (const serial of [1n, 6n, 9n, 49n, 2001n, MAX]) expect([serial, found.has(serial)]).toEqual([serial, false]);
    expect(["a", "m", "z", "b", ""].map((id) => keyIds.has(utf8Encode(id)))).toEqual([true, true, true, false, false]);
    expect(mergeRanges(found)).toEqual([
      [7n, 8n],
      [50n, 2000n],
    ]);
  });

  test("has the strings of its sections in the order of their bytes", () => {
    // Few bytes, so that many strings begin alike, end early or are equal.
    const string = fc.array(fc.constantFrom(0, 1, 0x7f, 0xff), { maxLength: 9 }).map((bytes) => Uint8Array.from(bytes));
    const start = fc.constantFrom(new Uint8Array(0), new Uint8Array(7).fill(3), utf8Encode("a longer start"));
    fc.assert(
      fc.property(fc.array(fc.tuple(start, string), { maxLength: 200 }), fc.array(string), (parts, asked) => {
        const strings = parts.map((both) => concatBytes(...both));
        const { keys } = parseKrl(listOf({ others: [[2, field(...strings)]] }));
        expect(keys.size).toBe(strings.length);
        // Hexadecimal has the order of the bytes.
        expect([...keys].map(toHex)).toEqual(strings.map(toHex).sort());
        const known = new Set(strings.map(toHex));
        for (const one of [...strings, ...asked]) expect([one, keys.has(one)]).toEqual([one, known.has(toHex(one))]);
      }),
    );
  });

  test("has the serial numbers of its sections, which may overlap in any way", () => {
    const number = fc.integer({ min: 1, max: 120 }).map(BigInt);
    const section = fc.oneof(
      fc.array(number, { maxLength: 6 }).map((all) => ({ type: 0x20, bytes: uint64s(...all), numbers: all })),
      fc.tuple(number, fc.bigInt(0n, 30n)).map(([from, more]) => ({
        type: 0x21,
        bytes: uint64s(from, from + more),
        numbers: Array.from({ length: Number(more) + 1 }, (_, index) => from + BigInt(index)),
      })),
      fc.tuple(number, fc.bigInt(0n, 2n ** 40n - 1n)).map(([from, bits]) => ({
        type: 0x22,
        bytes: new Writer().uint64(from).mpint(bits).finish(),
        numbers: Array.from({ length: 40 }, (_, bit) => BigInt(bit))
          .filter((bit) => ((bits >> bit) & 1n) === 1n)
          .map((bit) => from + bit),
      })),
    );
    fc.assert(
      fc.property(fc.array(section, { maxLength: 12 }), (sections) => {
        const writer = new Writer().string(first).string("");
        for (const { type, bytes } of sections) writer.byte(type).string(bytes);
        const krl = parseKrl(listOf({ certificates: writer.finish() }));
        const { serials } = krl.certificates.get(base64Encode(first))!;
        const known = new Set(sections.flatMap(({ numbers }) => numbers));
        const all = Array.from({ length: 200 }, (_, index) => BigInt(index));
        expect(all.filter((one) => serials.has(one))).toEqual(all.filter((one) => known.has(one)));
        const ranges = mergeRanges(serials);
        expect(all.filter((one) => ranges.some(([from, to]) => from <= one && one <= to))).toEqual(
          all.filter((one) => known.has(one)),
        );
      }),
    );
  });

  test("is not the caller's: what happens to the bytes later does not matter", () => {
    const list = formatKrl({ version: 1n, date: 0n, keys: [first] });
    const revoked = parseRevokedKeys(list);
    list.fill(0);
    expect(revoked.isRevoked({ plainBlob: first })).toBe(true);
  });

  test("takes a bit or two for each of a million serial numbers", () => {
    const serials = Array.from(
      { length: 1_000_000 },
      (_, index) => [2n * BigInt(index) + 1n, 2n * BigInt(index) + 1n] as const,
    );
    const list = formatKrl({ version: 1n, date: 0n, certificates: [{ authority: first, serials }] });
    expect(list.length).toBeLessThan(260_000);
    expect(parseKrl(list).certificates.get(base64Encode(first))!.serials.has(1_999_999n)).toBe(true);
  });

  test("refuses to be made of what has no place in it", () => {
    expectError("usage", () => krlOf({ sha1: [new Uint8Array(32)] }));
    expectError("usage", () => krlOf({ sha256: [new Uint8Array(20)] }));
    for (const range of [
      [0n, 4n],
      [5n, 4n],
      [1n, MAX + 1n],
      [-1n, 1n],
    ] as const)
      expectError("usage", () => certificatesWith({ serials: [range] }));
    expectError("usage", () => certificatesWith({ keyIds: ["a\0"] }));
  });
});

/** A list with one section of each type that is given. */
function listOf(
  sections: { readonly certificates?: Uint8Array; readonly others?: readonly (readonly [number, Uint8Array])[] },
  format = 1,
): Uint8Array {
  const writer = new Writer().raw(utf8Encode("SSHKRL\n\0")).uint32(format).uint64(1n).uint64(0n).uint64(0n).string("");
  writer.string("");
  if (sections.certificates !== undefined) writer.byte(1).string(sections.certificates);
  for (const [type, section] of sections.others ?? []) writer.byte(type).string(section);
  return writer.finish();
}

const field = (...parts: readonly (Uint8Array | string)[]): Uint8Array =>
  parts.reduce((writer: Writer, part) => writer.string(part), new Writer()).finish();
const certificatesOf = (type: number, section: Uint8Array): Uint8Array =>
  listOf({ certificates: new Writer().string(first).string("").byte(type).string(section).finish() });
const uint64s = (...values: readonly bigint[]): Uint8Array =>
  values.reduce((writer, value) => writer.uint64(value), new Writer()).finish();
const bitmap = (offset: bigint, bits: Uint8Array): Uint8Array => new Writer().uint64(offset).string(bits).finish();
const extension = (critical: boolean): Uint8Array => new Writer().string("x@y").boolean(critical).string("").finish();
const refused = (list: Uint8Array): string => expectError("file-malformed", () => parseRevokedKeys(list));

test("KRL: sections that are not understood · client", () => {
  parseKrl(listOf({}));
  for (const format of [0, 2]) refused(listOf({}, format));
  for (const type of [0, 6, 9, 254]) refused(listOf({ others: [[type, new Uint8Array(0)]] }));
  for (const type of [0, 1, 0x24, 0x38, 0xff]) refused(certificatesOf(type, new Uint8Array(0)));
  parseKrl(listOf({ others: [[255, extension(false)]] }));
  parseKrl(certificatesOf(0x39, extension(false)));
  refused(listOf({ others: [[255, extension(true)]] }));
  refused(certificatesOf(0x39, extension(true)));
  refused(listOf({ others: [[255, new Writer().raw(extension(false)).byte(0).finish()]] }));
  // A signature has a key and then a string of its own. It proves nothing.
  parseKrl(
    new Writer()
      .raw(listOf({ others: [[4, first]] }))
      .string("signature")
      .finish(),
  );
  refused(listOf({ others: [[4, first]] }));
});

test("KRL: strings, digests and serial numbers that are malformed · client", () => {
  for (const type of [2, 3, 5]) {
    refused(listOf({ others: [[type, Uint8Array.of(0, 0)]] }));
    refused(listOf({ others: [[type, Uint8Array.of(0, 0, 0, 9, 1)]] }));
  }
  for (const length of [0, 19, 21, 32]) refused(listOf({ others: [[3, field(new Uint8Array(length))]] }));
  for (const length of [0, 20, 31, 33]) refused(listOf({ others: [[5, field(new Uint8Array(length))]] }));
  refused(certificatesOf(0x23, Uint8Array.of(0, 0, 0, 2, 1)));
  refused(certificatesOf(0x20, new Uint8Array(9)));
  refused(certificatesOf(0x21, new Uint8Array(24)));
  refused(certificatesOf(0x21, uint64s(9n, 8n)));
  refused(certificatesOf(0x22, uint64s(9n)));
  refused(certificatesOf(0x22, bitmap(1n, Uint8Array.of(0x80))));
  // An empty bitmap has no sign; the byte after it belongs to something else.
  const empty = new Writer()
    .string(first)
    .string("")
    .byte(0x22)
    .string(bitmap(1n, new Uint8Array(0)));
  parseKrl(listOf({ certificates: empty.finish(), others: [[255, extension(false)]] }));
  refused(
    certificatesOf(
      0x22,
      new Writer()
        .raw(bitmap(1n, Uint8Array.of(1)))
        .byte(0)
        .finish(),
    ),
  );
  // The last bit is one too far, and then not.
  refused(certificatesOf(0x22, bitmap(MAX, Uint8Array.of(2))));
  refused(certificatesOf(0x22, bitmap(MAX - 7n, Uint8Array.of(1, 0))));
  parseKrl(certificatesOf(0x22, bitmap(MAX, Uint8Array.of(1))));
  parseKrl(certificatesOf(0x22, bitmap(MAX, Uint8Array.of(0, 0, 1))));
  // Certificates without a number have the number 0.
  refused(certificatesOf(0x20, uint64s(3n, 0n)));
  refused(certificatesOf(0x21, uint64s(0n, 9n)));
  refused(certificatesOf(0x22, bitmap(0n, Uint8Array.of(1))));
  parseKrl(certificatesOf(0x22, bitmap(0n, Uint8Array.of(2))));
});

test("KRL: keys, certificates and their authorities · client", () => {
  const certificate = { serial: 5n, keyId: utf8Encode("id"), authority: second };
  const key = { plainBlob: first, certificate };
  for (const blob of [first, second]) {
    // The key in the certificate, and the authority's.
    for (const list of [krlOf({ keys: [blob] }), krlOf({ sha1: [sha1(blob)] }), krlOf({ sha256: [sha256(blob)] })])
      expect(isRevoked(list, key)).toBe(true);
    expect(isRevoked(utf8Encode(lineOf(blob)), key)).toBe(true);
  }
  expect(isRevoked(krlOf({ keys: [third], sha1: [sha1(third)] }), key)).toBe(false);
  expect(isRevoked(utf8Encode(lineOf(third)), key)).toBe(false);
  for (const authority of [second, new Uint8Array(0)]) {
    expect(isRevoked(krlOf({ certificates: [{ authority, serials: [[5n, 5n]] }] }), key)).toBe(true);
    expect(isRevoked(krlOf({ certificates: [{ authority, keyIds: ["id"] }] }), key)).toBe(true);
    expect(isRevoked(krlOf({ certificates: [{ authority, serials: [[4n, 4n]], keyIds: ["ID", "i", ""] }] }), key)).toBe(
      false,
    );
    expect(isRevoked(krlOf({ certificates: [{ authority, serials: [[1n, 9n]] }] }), { plainBlob: first })).toBe(false);
  }
  const elsewhere = krlOf({ certificates: [{ authority: third, serials: [[5n, 5n]], keyIds: ["id"] }] });
  expect(isRevoked(elsewhere, key)).toBe(false);
});

test("KRL: lists of more than 128 MiB · client", () => {
  const list = new Uint8Array(128 * 1024 * 1024 + 1);
  list.set(listOf({ others: [[255, extension(false)]] }));
  // Without the bound, the rest would be one ignored extension.
  const head = listOf({});
  const rest = list.length - head.length - 5;
  const content = new Writer()
    .string("x@y")
    .boolean(false)
    .uint32(rest - 12);
  list.set(new Writer().raw(head).byte(255).uint32(rest).raw(content.finish()).finish());
  refused(list);
});

test("KRL: lines with certificates · client", () => {
  const { certificates } = vectors;
  for (const { line, key, authority } of certificates) {
    const revoked = parseRevokedKeys(utf8Encode(`${line} a comment\n`));
    const isRevoked = (name: string): boolean => revoked.isRevoked(subjects.get(name)!);
    expect([isRevoked(key), isRevoked(authority)]).toEqual([true, false]);
  }
  const [, base64] = certificates[0]!.line.split(" ");
  refused(utf8Encode(`ssh-ed25519-cert-v01@openssh.com ${base64!.slice(0, 64)}`));
  const unknown = base64Encode(field("ssh-new-cert-v01@openssh.com", "nonce"));
  refused(utf8Encode(`ssh-new-cert-v01@openssh.com ${unknown}`));
});

test("a list of public keys is read whole or not at all", () => {
  const blobs = [first, second, third];
  const chosenKeys = fc.subarray(blobs);
  fc.assert(
    fc.property(chosenKeys, fc.constantFrom("\n", "\r\n"), fc.string(), (chosen, ending, junk) => {
      const text = ["# a comment", "", ...chosen.map(lineOf), ` \t${lineOf(first)}`].join(ending);
      const revoked = parseRevokedKeys(utf8Encode(text));
      for (const plainBlob of blobs)
        expect(revoked.isRevoked({ plainBlob })).toBe(plainBlob === first || chosen.includes(plainBlob));
      const more = junk.replace(/[\r\n]/g, "").trim();
      fc.pre(more !== "" && !more.startsWith("#"));
      refused(utf8Encode(`${text}\n${more}`));
    }),
  );
});
