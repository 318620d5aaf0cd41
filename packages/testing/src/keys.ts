import {
  defaultSignatureAlgorithms,
  type EcdsaFields,
  type Ed25519Fields,
  type PublicKey,
  type RsaFields,
  type SignatureAlgorithm,
} from "@nacre/keys";
import { base64Decode, Reader, Writer } from "@nacre/wire";
import vectors from "../../../test-vectors/keys.json" with { type: "json" };
import { fromHex } from "./bytes.ts";

/** Private values of the formats among the vectors. */
export type VectorFields = Ed25519Fields | EcdsaFields | RsaFields;

export interface KeyVector {
  readonly name: string;
  readonly bits: number;
  readonly format: string;
  readonly blob: Uint8Array;
  readonly fingerprints: { readonly sha256: string; readonly md5: string };
  readonly fields: VectorFields;
}

export interface SignatureVector {
  readonly key: string;
  readonly algorithm: string;
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
  readonly valid: boolean;
  readonly what: string;
}

export const keyVectors: readonly KeyVector[] = vectors.keys.map((key) => ({
  ...key,
  blob: base64Decode(key.blob)!,
  fields: readFields(key.fields),
}));
export const signatureVectors: readonly SignatureVector[] = vectors.signatures.map((signature) => ({
  ...signature,
  data: fromHex(signature.data),
  signature: fromHex(signature.signature),
}));

export function keyVector(name: string): KeyVector {
  return keyVectors.find((key) => key.name === name)!;
}

export function rsaFields(name: string): RsaFields {
  const { fields } = keyVector(name);
  if (fields.format !== "ssh-rsa") throw new Error(`${name} is not an RSA key`);
  return fields;
}

function readFields(fields: Record<string, string | undefined>): VectorFields {
  const number = (name: string) => BigInt(`0x${fields[name]}`);
  const bytes = (name: string) => fromHex(fields[name] ?? "");
  switch (fields.format) {
    case "ssh-ed25519":
      return { format: "ssh-ed25519", seed: bytes("seed"), publicKey: bytes("publicKey") };
    case "ssh-rsa":
      return {
        format: "ssh-rsa",
        n: number("n"),
        e: number("e"),
        d: number("d"),
        p: number("p"),
        q: number("q"),
        iqmp: number("iqmp"),
      };
    default:
      return {
        format: fields.format as EcdsaFields["format"],
        d: number("d"),
        publicPoint: bytes("publicPoint"),
      };
  }
}

export function named(name: string, ...parts: (Uint8Array | string | bigint)[]): Uint8Array {
  const writer = new Writer().string(name);
  for (const part of parts) {
    if (typeof part === "bigint") writer.mpint(part);
    else writer.string(part);
  }
  return writer.finish();
}

/** Returns the algorithm-specific part of a signature. */
export function signatureBlob(signature: Uint8Array): Uint8Array {
  const reader = new Reader(signature, "signature");
  reader.name("algorithm");
  return reader.string("blob");
}

/** Returns r and s of an ECDSA signature. */
export function ecdsaScalars(signature: Uint8Array): { r: bigint; s: bigint } {
  const reader = new Reader(signatureBlob(signature), "ECDSA signature");
  return { r: reader.mpint("r"), s: reader.mpint("s") };
}

/** Returns the signature algorithms of a key, most preferred first. */
export function algorithmsOf({ algorithms }: PublicKey): SignatureAlgorithm[] {
  return algorithms.map(({ name }) => defaultSignatureAlgorithms.find((one) => one.name === name)!);
}
