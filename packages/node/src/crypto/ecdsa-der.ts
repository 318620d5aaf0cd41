// node:crypto encodes ECDSA signatures in DER (RFC 3279 §2.2.3) by default. workerd does not support the option that selects another
// encoding.

const SEQUENCE = 0x30;
const INTEGER = 0x02;

/** Returns the DER form of the concatenated scalars r and s, which have equal lengths. */
export function derOfScalars(scalars: Uint8Array): Uint8Array {
  const size = scalars.length / 2;
  const body = [...integer(scalars.subarray(0, size)), ...integer(scalars.subarray(size))];
  // The body can exceed 127 bytes for P-521, which needs a second length byte.
  const length = body.length < 0x80 ? [body.length] : [0x81, body.length];
  return Uint8Array.of(SEQUENCE, ...length, ...body);
}

/** Returns r and s, each `size` bytes, from a DER signature produced by node:crypto. */
export function scalarsOfDer(der: Uint8Array, size: number): Uint8Array {
  const scalars = new Uint8Array(2 * size);
  let at = der[1]! < 0x80 ? 2 : 3;
  for (const end of [size, 2 * size]) {
    const length = der[at + 1]!;
    const value = der.subarray(at + 2, at + 2 + length);
    // DER adds a zero byte before a set high bit and drops leading zeros.
    const digits = value.subarray(Math.max(0, length - size));
    scalars.set(digits, end - digits.length);
    at += 2 + length;
  }
  return scalars;
}

function integer(unsigned: Uint8Array): number[] {
  const first = unsigned.findIndex((byte) => byte !== 0);
  const digits = [...unsigned.subarray(first)];
  if (digits[0]! >= 0x80) digits.unshift(0);
  return [INTEGER, digits.length, ...digits];
}
