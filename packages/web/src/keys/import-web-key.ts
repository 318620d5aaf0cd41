import type { PrivateKeyFields, PublicKey } from "@nacre/keys/internal";
import { bigIntToBytes, SshError } from "@nacre/wire";
import { type PrivateKeyOptions, privateKey } from "nacre";
import { base64urlEncode } from "./base64url.ts";
import { WEB_ALGORITHMS } from "./web-algorithms.ts";
import { probe, type WebKey, webCrypto, webKeyOf } from "./web-key.ts";

/**
 * Imports the text of a private key file into WebCrypto as a key that is not extractable. Accepts OpenSSH, PKCS#8, PKCS#1 and SEC1, plain
 * or encrypted.
 *
 * The text remains in the page's memory until it is garbage collected. Rejects as `privateKey` of `nacre` does, or with
 * `not-supported-here` if WebCrypto lacks the key's algorithm.
 */
export async function importWebKey(text: string | Uint8Array, options: PrivateKeyOptions = {}): Promise<WebKey> {
  webCrypto();
  const { publicKey, fields } = await privateKey(text, options);
  const jwk = jwkOf(fields);
  try {
    return webKeyOf(publicKey, await importAll(publicKey, jwk));
  } catch (cause) {
    throw new SshError(
      "not-supported-here",
      `WebCrypto of this platform does not take this key of format ${publicKey.format} (${publicKey.bits} bits); use privateKey of nacre, which signs without it`,
      { cause },
    );
  }
}

async function importAll(publicKey: PublicKey, jwk: PrivateJwk): Promise<Readonly<Record<string, CryptoKey>>> {
  const privateKeys: Record<string, CryptoKey> = {};
  for (const { name } of publicKey.algorithms) {
    const { key } = WEB_ALGORITHMS[name]!;
    const whole = { ...jwk.public, ...jwk.secret };
    const held = await webCrypto().importKey("jwk", whole, key, /* rule: web-key-import-not-extractable */ false, [
      "sign",
    ]);
    await probe(name, {
      privateKey: held,
      publicKey: await webCrypto().importKey("jwk", jwk.public, key, true, ["verify"]),
    });
    privateKeys[name] = held;
  }
  return privateKeys;
}

/** A private key as a JSON Web Key, split into public and secret members (RFC 7517, RFC 7518 §6, RFC 8037). */
interface PrivateJwk {
  readonly public: JsonWebKey;
  readonly secret: JsonWebKey;
}

function jwkOf(fields: PrivateKeyFields): PrivateJwk {
  switch (fields.format) {
    case "ssh-ed25519":
      return {
        public: { kty: "OKP", crv: "Ed25519", x: base64urlEncode(fields.publicKey) },
        secret: { d: base64urlEncode(fields.seed) },
      };
    case "ecdsa": {
      const { curve, publicPoint, d } = fields;
      const size = (publicPoint.length - 1) / 2;
      const [x, y] = [publicPoint.subarray(1, 1 + size), publicPoint.subarray(1 + size)];
      return {
        public: { kty: "EC", crv: curve.replace("nistp", "P-"), x: base64urlEncode(x), y: base64urlEncode(y) },
        secret: { d: base64urlEncode(bigIntToBytes(d, size)) },
      };
    }
    case "ssh-rsa": {
      const { n, e, d, p, q, iqmp } = fields;
      return {
        public: { kty: "RSA", n: number(n), e: number(e) },
        secret: {
          d: number(d),
          p: number(p),
          q: number(q),
          dp: number(d % (p - 1n)),
          dq: number(d % (q - 1n)),
          qi: number(iqmp),
        },
      };
    }
  }
}

function number(value: bigint): string {
  return base64urlEncode(bigIntToBytes(value));
}
