import { base64Encode, copyBytes, equalBytes, Reader, readUint32, SshError, utf8Encode } from "@nacre/wire";
import { RecordSet } from "./records.ts";
import { type FoundSerials, readSerials, SERIAL_BITMAP, SERIAL_LIST, SERIAL_RANGE, SerialSet } from "./serials.ts";

/** First bytes of a key revocation list. */
export const KRL_MAGIC: Uint8Array = /* @__PURE__ */ utf8Encode("SSHKRL\n\0");
/** Maximum size of a list in bytes, as in OpenSSH. */
const MAX_SIZE = 128 * 1024 * 1024;
const WHAT = "key revocation list";

/** Types of sections (OpenSSH PROTOCOL.krl). */
export const KRL_CERTIFICATES = 1;
export const KRL_KEYS = 2;
export const KRL_SHA1 = 3;
const KRL_SIGNATURE = 4;
export const KRL_SHA256 = 5;
const KRL_EXTENSION = 255;
/** Types of sections in one of certificates, besides those of serial numbers. */
export const KRL_KEY_IDS = 0x23;
const KRL_CERTIFICATE_EXTENSION = 0x39;

/** Key revocation list (OpenSSH PROTOCOL.krl), as read. */
export interface Krl {
  readonly version: bigint;
  /** When it was written, in seconds since 1970-01-01 UTC. */
  readonly date: bigint;
  /** Untrusted text; escape it before showing it. */
  readonly comment: string;
  /** Revoked certificates, by the base64 of their authority's blob. */
  readonly certificates: ReadonlyMap<string, RevokedCertificates>;
  /** Blobs of revoked keys. */
  readonly keys: RecordSet;
  /** SHA-1 digests of blobs. */
  readonly sha1: RecordSet;
  /** SHA-256 digests of blobs. */
  readonly sha256: RecordSet;
}

/** Revoked certificates of an authority. */
export interface RevokedCertificates {
  /** Public key blob of the authority; empty for every authority. */
  readonly authority: Uint8Array;
  readonly serials: SerialSet;
  readonly keyIds: RecordSet;
}

/** Offsets in the list, collected while it is read. */
interface Found {
  readonly keys: number[];
  readonly sha1: number[];
  readonly sha256: number[];
  readonly certificates: Map<string, FoundCertificates>;
}

interface FoundCertificates {
  readonly authority: Uint8Array;
  readonly serials: FoundSerials;
  readonly keyIds: number[];
}

/** Returns whether bytes are a key revocation list rather than text. */
export function isKrl(bytes: Uint8Array): boolean {
  return equalBytes(bytes.subarray(0, KRL_MAGIC.length), KRL_MAGIC);
}

/**
 * Parses a key revocation list and copies it. Throws `file-malformed` for a list that is damaged or has a part of an unknown meaning: it
 * might revoke any key.
 */
export function parseKrl(list: Uint8Array): Krl {
  // rule: krl-size
  if (list.length > MAX_SIZE) throw malformed(`has ${list.length} bytes, but the maximum is ${MAX_SIZE}`);
  if (!isKrl(list)) throw malformed("does not start with its magic string");
  const bytes = copyBytes(list);
  const reader = new Reader(bytes, WHAT, { code: "file-malformed", offset: KRL_MAGIC.length });
  const format = reader.uint32("format version");
  // rule: krl-format
  if (format !== 1) reader.fail("format version", `is ${format}, expected 1`);
  const version = reader.uint64("version");
  const date = reader.uint64("date");
  reader.uint64("flags");
  reader.string("reserved");
  const comment = reader.text("comment");
  const found: Found = { keys: [], sha1: [], sha256: [], certificates: new Map() };
  while (reader.remaining > 0) readSection(bytes, reader, found);
  return {
    version,
    date,
    comment,
    keys: new RecordSet(bytes, found.keys),
    sha1: new RecordSet(bytes, found.sha1),
    sha256: new RecordSet(bytes, found.sha256),
    certificates: new Map([...found.certificates].map(([name, one]) => [name, revokedCertificates(bytes, one)])),
  };
}

function readSection(bytes: Uint8Array, reader: Reader, found: Found): void {
  const type = reader.byte("section type");
  const section = reader.string("section");
  switch (type) {
    case KRL_CERTIFICATES:
      return readCertificates(bytes, section, found);
    case KRL_KEYS:
      return readRecords(bytes, section, found.keys);
    case KRL_SHA1:
      return readRecords(bytes, section, found.sha1, 20);
    case KRL_SHA256:
      return readRecords(bytes, section, found.sha256, 32);
    case KRL_SIGNATURE:
      // By any key that its author liked: it proves nothing, and OpenSSH does not check it either.
      reader.string("signature");
      return;
    case KRL_EXTENSION:
      return readExtension(section);
    default:
      // rule: krl-section
      throw malformed(`has a section of the unknown type ${type}`);
  }
}

function readCertificates(bytes: Uint8Array, content: Uint8Array, { certificates }: Found): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const reader = new Reader(content, WHAT, { code: "file-malformed" });
  const authority = reader.string("authority");
  reader.string("reserved");
  const name = base64Encode(authority);
  const serials = { firsts: [], lasts: [], bitmaps: [] };
  const found = certificates.get(name) ?? { authority, serials, keyIds: [] };
  certificates.set(name, found);
  while (reader.remaining > 0) {
    const type = reader.byte("type of certificates");
    const section = reader.string("certificates");
    switch (type) {
      case SERIAL_LIST:
      case SERIAL_RANGE:
      case SERIAL_BITMAP: {
        const start = offsetOf(section, bytes);
        const problem = readSerials(view, type, start, start + section.length, found.serials);
        if (problem !== undefined) throw malformed(`offset ${start} ${problem}`);
        break;
      }
      case KRL_KEY_IDS:
        readRecords(bytes, section, found.keyIds);
        break;
      case KRL_CERTIFICATE_EXTENSION:
        readExtension(section);
        break;
      default:
        // rule: krl-certificate-section
        throw malformed(`has certificates of the unknown type ${type}`);
    }
  }
}

function revokedCertificates(bytes: Uint8Array, found: FoundCertificates): RevokedCertificates {
  const serials = new SerialSet(bytes, found.serials);
  // A certificate without a number has the number 0, so it would stand for all of them. OpenSSH refuses such a list as well.
  // rule: krl-serial-0
  if (serials.has(0n)) throw malformed("revokes the serial number 0, which certificates without a number have");
  return { authority: found.authority, serials, keyIds: new RecordSet(bytes, found.keyIds) };
}

/** Collects the offsets of byte strings, all of `length` bytes if it is given. */
function readRecords(bytes: Uint8Array, section: Uint8Array, offsets: number[], length?: number): void {
  const start = offsetOf(section, bytes);
  const end = start + section.length;
  for (let at = start; at < end; at += 4 + readUint32(bytes, at)) {
    // rule: krl-record
    if (end - at < 4 || readUint32(bytes, at) > end - at - 4)
      throw malformed(`offset ${at} is a string that is cut off`);
    // rule: krl-digest
    if (length !== undefined && readUint32(bytes, at) !== length)
      throw malformed(`offset ${at} is a digest of ${readUint32(bytes, at)} bytes, expected ${length}`);
    offsets.push(at);
  }
}

/** Reads an extension. None is known, so that only one which may be ignored is accepted. */
function readExtension(section: Uint8Array): void {
  const reader = new Reader(section, WHAT, { code: "file-malformed" });
  reader.string("extension name");
  const critical = reader.boolean("critical");
  reader.string("extension content");
  reader.end();
  // rule: krl-critical
  if (critical) throw malformed("has a critical extension that is not known");
}

/** Returns where a view begins in the array that it is a view of. */
function offsetOf(view: Uint8Array, bytes: Uint8Array): number {
  return view.byteOffset - bytes.byteOffset;
}

function malformed(problem: string): SshError {
  return new SshError("file-malformed", `${WHAT}: ${problem}`);
}
