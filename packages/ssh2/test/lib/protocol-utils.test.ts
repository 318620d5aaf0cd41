import { generateKeyPairSync, sign } from "node:crypto";
import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { protocolUtils } from "../../src/protocol-utils.ts";

interface Utils {
  convertSignature(signature: Buffer, type: string): Buffer | undefined;
  sigSSHToASN1(signature: Buffer, type: string): Buffer | undefined;
  writeUInt32BE(buffer: Buffer, value: number, offset: number): number;
  writeUInt32LE(buffer: Buffer, value: number, offset: number): number;
  readUInt32BE(buffer: Buffer, offset: number): number;
  bufferSlice(buffer: Uint8Array, start: number, end?: number): Buffer;
  bufferCopy(source: Buffer, target: Buffer, start: number, end: number, targetStart?: number): number;
  bufferFill(buffer: Buffer, value: number, start: number, end: number): Buffer;
}
const ssh2 = createRequire(import.meta.url)("ssh2/lib/protocol/utils") as Utils;
const ours = protocolUtils as unknown as Utils;

test.each([
  ["prime256v1", "ecdsa-sha2-nistp256"],
  ["secp384r1", "ecdsa-sha2-nistp384"],
  ["secp521r1", "ecdsa-sha2-nistp521"],
])("converts ECDSA signatures of %s both ways", (namedCurve, type) => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve });
  // Integers with and without a leading zero byte, and DER lengths of one and two bytes, occur among these.
  for (let round = 0; round < 40; round++) {
    const der = sign("sha256", Buffer.of(round), privateKey);
    const converted = ours.convertSignature(der, type);
    expect(converted).toEqual(ssh2.convertSignature(der, type));
    expect(ours.sigSSHToASN1(converted!, type)).toEqual(der);
  }
});

test("returns signatures of other types as they are, and `undefined` for malformed ones", () => {
  const bytes = Buffer.from("ab");
  expect(ours.convertSignature(bytes, "ssh-ed25519")).toBe(bytes);
  expect(ours.sigSSHToASN1(bytes, "ssh-rsa")).toBe(bytes);
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const der = sign("sha256", bytes, privateKey);
  const blob = ours.convertSignature(der, "ecdsa-sha2-nistp256")!;
  for (let length = 0; length < der.length; length++)
    expect(ours.convertSignature(der.subarray(0, length), "ecdsa-sha2-nistp256")).toBeUndefined();
  for (let length = 0; length < blob.length; length++)
    expect(ours.sigSSHToASN1(blob.subarray(0, length), "ecdsa-sha2-nistp256")).toBeUndefined();
});

test("reads, writes, copies and fills as ssh2 does", () => {
  expect(written(ours)).toEqual(written(ssh2));
});

function written(utils: Utils): unknown[] {
  const buffer = Buffer.alloc(12);
  return [
    utils.writeUInt32BE(buffer, 0xfedcba98, 1),
    utils.readUInt32BE(buffer, 1),
    utils.writeUInt32LE(buffer, 258, 5),
    utils.bufferCopy(Buffer.from("abcd"), buffer, 1, 3, 9),
    utils.bufferFill(buffer, 7, 0, 1),
    utils.bufferSlice(buffer, 2),
    utils.bufferSlice(new Uint8Array(buffer), 2, 4),
  ];
}
