import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { type EcdsaFields, type PrivateKey, privateKeyFromFields } from "@nacre/keys";
import { bigIntToBytes, bytesToBigInt } from "@nacre/wire";
import type { VectorFields } from "./keys.ts";

const NODE_CURVES = {
  "ecdsa-sha2-nistp256": ["P-256", 32],
  "ecdsa-sha2-nistp384": ["P-384", 48],
  "ecdsa-sha2-nistp521": ["P-521", 66],
} as const;

function base64url(value: Uint8Array | bigint, length?: number): string {
  return Buffer.from(typeof value === "bigint" ? bigIntToBytes(value, length) : value).toString("base64url");
}

/** Converts a key to key objects of `node:crypto`. */
export function nodeKeys(key: PrivateKey): { privateKey: KeyObject; publicKey: KeyObject } {
  const fields = key.fields as VectorFields;
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
      default: {
        const [crv, size] = NODE_CURVES[fields.format];
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
    const format = `ecdsa-sha2-nistp${jwk.crv!.slice(2)}` as EcdsaFields["format"];
    const publicPoint = Uint8Array.of(4, ...bytes("x"), ...bytes("y"));
    return privateKeyFromFields({ format, d: number("d"), publicPoint });
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
