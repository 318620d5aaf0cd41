import { bufferOf } from "@nacre/node/extend";

const SEQUENCE = 0x30;
const INTEGER = 0x02;

/**
 * Returns the SSH form of an ECDSA signature in DER (RFC 3279 §2.2.3): two mpints (RFC 5656 §3.1.2). Returns `undefined` if it is not DER.
 */
export function sshFromDer(signature: Uint8Array): Buffer | undefined {
  const body = valueAt(bufferOf(signature), 0, SEQUENCE);
  const r = body && valueAt(body, 0, INTEGER);
  const s = r && valueAt(body, 2 + r.length, INTEGER);
  return s && Buffer.concat([r, s].flatMap((integer) => [uint32(integer.length), integer]));
}

/** Returns the DER form of an ECDSA signature with two mpints. `undefined` if it is malformed. */
export function derFromSsh(signature: Uint8Array): Buffer | undefined {
  const bytes = bufferOf(signature);
  const r = mpintAt(bytes, 0);
  const s = r && mpintAt(bytes, 4 + r.length);
  return s && tagged(SEQUENCE, Buffer.concat([tagged(INTEGER, r), tagged(INTEGER, s)]));
}

/** Returns whether a signature begins like DER. Its SSH form begins with the length of a number: with a zero. */
export function isDer(signature: Uint8Array): boolean {
  return signature[0] === SEQUENCE;
}

/** Returns the contents of a DER value of up to 255 bytes, the longest of ECDSA signatures. */
function valueAt(der: Buffer, at: number, tag: number): Buffer | undefined {
  const isLong = der[at + 1] === 0x81;
  const start = at + (isLong ? 3 : 2);
  const length = der[start - 1];
  if (der[at] !== tag || length === undefined || (!isLong && length > 0x7f) || length === 0) return undefined;
  return start + length > der.length ? undefined : der.subarray(start, start + length);
}

function mpintAt(data: Buffer, at: number): Buffer | undefined {
  if (at + 4 > data.length) return undefined;
  const end = at + 4 + data.readUInt32BE(at);
  return end > data.length || end === at + 4 ? undefined : data.subarray(at + 4, end);
}

function tagged(tag: number, contents: Buffer): Buffer {
  const length = contents.length > 0x7f ? [0x81, contents.length] : [contents.length];
  return Buffer.concat([Buffer.of(tag, ...length), contents]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
