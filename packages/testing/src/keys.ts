import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  defaultSignatureAlgorithms,
  type EcdsaCurve,
  type PrivateKey,
  type PrivateKeyFields,
  type PublicKey,
  privateKeyFromFields,
  type SignatureAlgorithm,
} from "@nacre/keys";
import { base64Decode, bigIntToBytes, bytesToBigInt, Reader, Writer } from "@nacre/wire";

export interface KeyVector {
  readonly name: string;
  readonly bits: number;
  readonly format: string;
  readonly blob: Uint8Array;
  readonly fingerprints: { readonly sha256: string; readonly md5: string };
  readonly fields: PrivateKeyFields;
}

export interface SignatureVector {
  readonly key: string;
  readonly algorithm: string;
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
  readonly valid: boolean;
  readonly what: string;
}

const file = readVectors("keys.json") as {
  keys: (Omit<KeyVector, "blob" | "fields"> & { blob: string; fields: Record<string, string> })[];
  signatures: (Omit<SignatureVector, "data" | "signature"> & { data: string; signature: string })[];
};
export const keyVectors: readonly KeyVector[] = file.keys.map((key) => ({
  ...key,
  blob: base64Decode(key.blob)!,
  fields: readFields(key.fields),
}));
export const signatureVectors: readonly SignatureVector[] = file.signatures.map((signature) => ({
  ...signature,
  data: hex(signature.data),
  signature: hex(signature.signature),
}));

export function keyVector(name: string): KeyVector {
  return keyVectors.find((key) => key.name === name)!;
}

export function rsaFields(name: string): Extract<PrivateKeyFields, { format: "ssh-rsa" }> {
  const { fields } = keyVector(name);
  if (fields.format !== "ssh-rsa") throw new Error(`${name} is not an RSA key`);
  return fields;
}

export function readVectors(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../../test-vectors/${name}`, import.meta.url), "utf8"));
}

export function hex(text: string): Uint8Array {
  return bigIntToBytes(BigInt(`0x0${text}`), text.length / 2);
}

function readFields(fields: Record<string, string | undefined>): PrivateKeyFields {
  const number = (name: string) => BigInt(`0x${fields[name]}`);
  const bytes = (name: string) => hex(fields[name] ?? "");
  switch (String(fields.format)) {
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
        format: "ecdsa",
        curve: fields.curve as EcdsaCurve,
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

const NODE_CURVES = { nistp256: ["P-256", 32], nistp384: ["P-384", 48], nistp521: ["P-521", 66] } as const;

function base64url(value: Uint8Array | bigint, length?: number): string {
  return Buffer.from(typeof value === "bigint" ? bigIntToBytes(value, length) : value).toString("base64url");
}

/** Converts a key to `node:crypto` key objects. */
export function nodeKeys(key: PrivateKey): { privateKey: KeyObject; publicKey: KeyObject } {
  const { fields } = key;
  const jwk = (): Record<string, string> => {
    switch (fields.format) {
      case "ssh-ed25519":
        return { kty: "OKP", crv: "Ed25519", d: base64url(fields.seed), x: base64url(fields.publicKey) };
      case "ssh-rsa": {
        const { n, e, d, p, q, iqmp } = fields;
        return {
          kty: "RSA",
          n: base64url(n),
          e: base64url(e),
          d: base64url(d),
          p: base64url(p),
          q: base64url(q),
          dp: base64url(d % (p - 1n)),
          dq: base64url(d % (q - 1n)),
          qi: base64url(iqmp),
        };
      }
      case "ecdsa": {
        const [crv, size] = NODE_CURVES[fields.curve];
        const x = fields.publicPoint.subarray(1, 1 + size);
        const y = fields.publicPoint.subarray(1 + size);
        return { kty: "EC", crv, d: base64url(fields.d, size), x: base64url(x), y: base64url(y) };
      }
    }
  };
  const privateKey = createPrivateKey({ key: jwk(), format: "jwk" });
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

/** Converts a private key from `node:crypto`. */
export function fromNode(key: KeyObject): PrivateKey {
  const jwk = key.export({ format: "jwk" });
  const bytes = (name: string) => new Uint8Array(Buffer.from(jwk[name] as string, "base64url"));
  const number = (name: string) => bytesToBigInt(bytes(name));
  if (jwk.kty === "OKP")
    return privateKeyFromFields({ format: "ssh-ed25519", seed: bytes("d"), publicKey: bytes("x") });
  if (jwk.kty === "EC") {
    const curve = `nistp${jwk.crv!.slice(2)}` as EcdsaCurve;
    const publicPoint = Uint8Array.of(4, ...bytes("x"), ...bytes("y"));
    return privateKeyFromFields({ format: "ecdsa", curve, d: number("d"), publicPoint });
  }
  const [n, e, d, p, q, iqmp] = ["n", "e", "d", "p", "q", "qi"].map(number) as [
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  return privateKeyFromFields({ format: "ssh-rsa", n, e, d, p, q, iqmp });
}

/** Returns the signature algorithms of a key, most preferred first. */
export function algorithmsOf({ algorithms }: PublicKey): SignatureAlgorithm[] {
  return algorithms.map(({ name }) => defaultSignatureAlgorithms.find((one) => one.name === name)!);
}
