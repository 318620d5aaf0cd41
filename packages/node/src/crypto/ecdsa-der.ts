// node:crypto signs and verifies ECDSA in DER (RFC 3279 §2.2.3) unless an option names another encoding, which workerd does not support.

const SEQUENCE = 0x30;
const INTEGER = 0x02;

/** The DER form of r and s, which stand one behind the other and are equally long. */
export function derOfScalars(scalars: Uint8Array): Uint8Array {
  const size = scalars.length / 2;
  const body = [...integer(scalars.subarray(0, size)), ...integer(scalars.subarray(size))];
  // Of P-521 it is longer than one byte of length can say.
  const length = body.length < 0x80 ? [body.length] : [0x81, body.length];
  return Uint8Array.of(SEQUENCE, ...length, ...body);
}

/** r and s, each of `size` bytes, of a signature that node:crypto has made. */
export function scalarsOfDer(der: Uint8Array, size: number): Uint8Array {
  const scalars = new Uint8Array(2 * size);
  let at = der[1]! < 0x80 ? 2 : 3;
  for (const end of [size, 2 * size]) {
    const length = der[at + 1]!;
    const value = der.subarray(at + 2, at + 2 + length);
    // A zero before a high bit is the sign, and leading zeros are left out.
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
