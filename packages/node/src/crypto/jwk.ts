import type { JsonWebKey } from "node:crypto";
import type { PrivateKeyFields } from "@nacre/keys/internal";
import { bigIntToBytes, Reader } from "@nacre/wire";
import { nistCurves } from "./curves.ts";

// JSON Web Keys (RFC 7517) are the fastest key format that node:crypto can import.

/** Returns the JWK of a public key blob. `@nacre/keys` must have checked the blob. */
export function publicJwk(blob: Uint8Array): JsonWebKey {
  const reader = new Reader(blob, "public key", { code: "key-malformed" });
  switch (reader.name("format")) {
    case "ssh-ed25519":
      return { kty: "OKP", crv: "Ed25519", x: base64url(reader.string("public key")) };
    case "ssh-rsa": {
      const e = reader.mpint("e");
      return { kty: "RSA", e: number(e), n: number(reader.mpint("n")) };
    }
    default: {
      const curve = reader.name("curve") as keyof typeof nistCurves;
      return ecJwk(curve, reader.string("public point"));
    }
  }
}

/** Returns the JWK of a private key. It contains secrets. */
export function privateJwk(fields: PrivateKeyFields): JsonWebKey {
  switch (fields.format) {
    case "ssh-ed25519":
      return { kty: "OKP", crv: "Ed25519", x: base64url(fields.publicKey), d: base64url(fields.seed) };
    case "ecdsa": {
      const { curve, publicPoint, d } = fields;
      return { ...ecJwk(curve, publicPoint), d: base64url(bigIntToBytes(d, nistCurves[curve].size)) };
    }
    case "ssh-rsa": {
      const { n, e, d, p, q, iqmp } = fields;
      return {
        kty: "RSA",
        n: number(n),
        e: number(e),
        d: number(d),
        p: number(p),
        q: number(q),
        dp: number(d % (p - 1n)),
        dq: number(d % (q - 1n)),
        qi: number(iqmp),
      };
    }
  }
}

function ecJwk(curve: keyof typeof nistCurves, point: Uint8Array): JsonWebKey {
  const { jwk, size } = nistCurves[curve];
  return { kty: "EC", crv: jwk, x: base64url(point.subarray(1, 1 + size)), y: base64url(point.subarray(1 + size)) };
}

function number(value: bigint): string {
  return base64url(bigIntToBytes(value));
}

export function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64url");
}
