import { type Bytes, base64Encode, bigIntToBytes, SshError, utf8Encode, Writer } from "@nacre/wire";
import { KRL_CERTIFICATES, KRL_KEY_IDS, KRL_KEYS, KRL_MAGIC, KRL_SHA1, KRL_SHA256 } from "./read-krl.ts";
import { SERIAL_BITMAP, SERIAL_LIST, SERIAL_RANGE, type SerialRange } from "./serials.ts";

/** Content of a key revocation list. A `Krl` that was read is one, so lists are merged by joining their parts. */
export interface KrlContent {
  /** Number that grows with each version of the list. */
  readonly version: bigint;
  /** Current time in seconds since 1970-01-01 UTC. */
  readonly date: bigint;
  readonly comment?: string;
  /** Blobs of revoked keys. */
  readonly keys?: Iterable<Uint8Array>;
  /** SHA-1 digests of blobs, 20 bytes. */
  readonly sha1?: Iterable<Uint8Array>;
  /** SHA-256 digests of blobs, 32 bytes. */
  readonly sha256?: Iterable<Uint8Array>;
  readonly certificates?: Iterable<CertificatesToRevoke>;
}

/** Certificates to revoke. Several for one authority are joined. */
export interface CertificatesToRevoke {
  /** Public key blob of the authority; empty for every authority. */
  readonly authority: Uint8Array;
  /** Serial numbers above 0, as ranges that may overlap. */
  readonly serials?: Iterable<SerialRange>;
  readonly keyIds?: Iterable<Uint8Array | string>;
}

/** Longest bitmap of serial numbers in bits. OpenSSH reads no longer ones. */
const MAX_BITMAP = 16384;
/** Bits that a number takes in a list. */
const LIST_BITS = 64;
/** Bits that a range takes: a section of its own. */
const RANGE_BITS = 8 * (5 + 16);

/**
 * Formats a key revocation list, sorted and without repetitions. Throws `usage` for a digest of another length, a key id with a NUL, and
 * serial numbers that are 0, above 2⁶⁴−1 or in a range that ends before it begins.
 */
export function formatKrl(content: KrlContent): Bytes {
  const { version, date, comment = "", keys = [], sha1 = [], sha256 = [], certificates = [] } = content;
  const writer = new Writer(1024).raw(KRL_MAGIC).uint32(1).uint64(version).uint64(date).uint64(0n);
  writer.string("").string(comment);
  for (const one of joined(certificates)) {
    const section = new Writer(1024).string(one.authority).string("");
    writeSerials(section, mergeRanges(one.serials));
    if (one.keyIds.length > 0) section.byte(KRL_KEY_IDS).string(records(one.keyIds));
    writer.byte(KRL_CERTIFICATES).string(section.finish());
  }
  for (const [type, values, length] of [
    [KRL_KEYS, keys, undefined],
    [KRL_SHA1, sha1, 20],
    [KRL_SHA256, sha256, 32],
  ] as const) {
    const all = [...values];
    if (length !== undefined && all.some((digest) => digest.length !== length))
      throw new SshError("usage", `expected digests of ${length} bytes`);
    if (all.length > 0) writer.byte(type).string(records(all));
  }
  return writer.finish();
}

interface Joined {
  readonly authority: Uint8Array;
  readonly serials: SerialRange[];
  readonly keyIds: Uint8Array[];
}

function joined(certificates: Iterable<CertificatesToRevoke>): Iterable<Joined> {
  const byAuthority = new Map<string, Joined>();
  for (const { authority, serials = [], keyIds = [] } of certificates) {
    const name = base64Encode(authority);
    const one = byAuthority.get(name) ?? { authority, serials: [], keyIds: [] };
    byAuthority.set(name, one);
    for (const range of serials) one.serials.push(range);
    for (const keyId of keyIds) {
      const bytes = typeof keyId === "string" ? utf8Encode(keyId) : keyId;
      if (bytes.includes(0)) throw new SshError("usage", "a key id contains a NUL");
      one.keyIds.push(bytes);
    }
  }
  return byAuthority.values();
}

/** Formats byte strings, sorted and without repetitions. */
function records(values: readonly Uint8Array[]): Bytes {
  const writer = new Writer(1024);
  let last: Uint8Array | undefined;
  for (const value of values.toSorted(compareBytes)) {
    if (last === undefined || compareBytes(last, value) !== 0) writer.string(value);
    last = value;
  }
  return writer.finish();
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const index = a.findIndex((byte, at) => byte !== b[at]);
  if (index < 0) return a.length - b.length;
  return index >= b.length ? 1 : a[index]! - b[index]!;
}

/** Returns ranges in order, with a gap between each two. */
export function mergeRanges(ranges: Iterable<SerialRange>): SerialRange[] {
  const sorted = [...ranges].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const merged: [first: bigint, last: bigint][] = [];
  for (const [first, last] of sorted) {
    if (first <= 0n || last < first || last > 0xffff_ffff_ffff_ffffn)
      throw new SshError("usage", `invalid range of serial numbers ${first} to ${last}`);
    const previous = merged.at(-1);
    if (previous === undefined || first > previous[1] + 1n) merged.push([first, last]);
    else if (last > previous[1]) previous[1] = last;
  }
  return merged;
}

/** Writes ranges as sections: near ones as a bitmap, long ones as ranges, and the others as a list. */
function writeSerials(writer: Writer, ranges: readonly SerialRange[]): void {
  let list = new Writer();
  const endList = (): void => {
    if (list.written.length > 0) writer.byte(SERIAL_LIST).string(list.finish());
    list = new Writer();
  };
  for (let index = 0; index < ranges.length; ) {
    const end = endOfBitmap(ranges, index);
    const [first, last] = ranges[index]!;
    if (end > index + 1) {
      endList();
      let bits = 0n;
      for (const [from, to] of ranges.slice(index, end)) bits |= ((1n << (to - from + 1n)) - 1n) << (from - first);
      const section = new Writer().uint64(first).mpintBytes(bigIntToBytes(bits));
      writer.byte(SERIAL_BITMAP).string(section.finish());
    } else if (LIST_BITS * Number(last - first + 1n) < RANGE_BITS) {
      for (let serial = first; serial <= last; serial++) list.uint64(serial);
    } else {
      endList();
      writer.byte(SERIAL_RANGE).string(new Writer().uint64(first).uint64(last).finish());
    }
    index = end;
  }
  endList();
}

/** Finds the ranges, beginning with the one at `start`, that take least space as one bitmap. Returns the index after the last of them. */
function endOfBitmap(ranges: readonly SerialRange[], start: number): number {
  let end = start + 1;
  const [first, firstLast] = ranges[start]!;
  if (firstLast - first + 1n >= BigInt(RANGE_BITS)) return end;
  for (let previous = firstLast; end < ranges.length; end++) {
    const [from, to] = ranges[end]!;
    const alone = BigInt(Math.min(LIST_BITS * Number(to - from + 1n), RANGE_BITS));
    if (to - previous >= alone || to - first >= BigInt(MAX_BITMAP)) break;
    previous = to;
  }
  return end;
}
