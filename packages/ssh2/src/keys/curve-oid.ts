/** A value of DER: its tag, and its content. */
interface Value {
  readonly tag: number;
  readonly content: Uint8Array;
}

const OBJECT_IDENTIFIER = 0x06;
const SEQUENCE = 0x30;
const PARAMETERS = 0xa0;

/** Returns the object identifier of the curve in a SEC1 key (RFC 5915 §3), such as `"1.3.132.0.10"`; `undefined` without one. */
export function curveOid(key: Uint8Array): string | undefined {
  const [outer] = valuesIn(key);
  const parameters =
    outer?.tag === SEQUENCE ? valuesIn(outer.content).find(({ tag }) => tag === PARAMETERS) : undefined;
  const [curve] = parameters === undefined ? [] : valuesIn(parameters.content);
  return curve?.tag === OBJECT_IDENTIFIER && curve.content.length > 0 ? dotted(curve.content) : undefined;
}

/** Reads values one after the other, up to the first that is cut off. Lengths beyond 64 KiB end the list. */
function valuesIn(bytes: Uint8Array): readonly Value[] {
  const values: Value[] = [];
  let at = 0;
  while (at + 2 <= bytes.length) {
    const tag = bytes[at]!;
    let length = bytes[at + 1]!;
    at += 2;
    if (length > 0x82) break;
    if (length >= 0x80) {
      const count = length - 0x80;
      length = bytes.subarray(at, at + count).reduce((sum, byte) => sum * 256 + byte, 0);
      at += count;
    }
    if (at + length > bytes.length) break;
    values.push({ tag, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return values;
}

/** Formats an object identifier (X.690 §8.19): 7 bits in each byte, the first two numbers in one. */
function dotted(bytes: Uint8Array): string {
  const numbers: number[] = [];
  let number = 0;
  for (const byte of bytes) {
    number = number * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    numbers.push(number);
    number = 0;
  }
  const [first = 0, ...others] = numbers;
  const root = Math.min(Math.floor(first / 40), 2);
  return [root, first - 40 * root, ...others].join(".");
}
