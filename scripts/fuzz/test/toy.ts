/**
 * A decoder with a fault for the fuzzer to find. It is reached only if a header, a length, a name and a number are all right. Random input
 * without feedback on partial success practically never gets there.
 */
export function decodeToy(input: Uint8Array): number {
  if (input.length < 16) return 0;
  if (input[0] !== 0x54) return 1;
  if (input[1] !== 0x6f) return 2;
  if (input[2] !== 0x79) return 3;
  const length = (input[4]! << 8) | input[5]!;
  if (length !== input.length - 6) return 4;
  if (String.fromCharCode(...input.subarray(6, 10)) !== "open") return 5;
  if (input[10]! < 200) return 6;
  const fields: number[] = [];
  return fields[3]!.valueOf();
}
