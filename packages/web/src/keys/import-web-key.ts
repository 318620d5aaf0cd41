import { type Jwk, type PublicKey, privateJwk, publicJwk } from "@nacre/keys/internal";
import { SshError } from "@nacre/wire";
import { type PrivateKeyOptions, privateKey } from "nacre";
import { base64urlEncode } from "./base64url.ts";
import { WEB_ALGORITHMS } from "./web-algorithms.ts";
import { probe, type WebKey, webCrypto, webKeyOf } from "./web-key.ts";

/**
 * Imports the text of a private key file into WebCrypto as a key that is not extractable. Accepts OpenSSH, PKCS#8, PKCS#1 and SEC1, plain
 * or encrypted, and the `forms` in `options`.
 *
 * The text remains in the page's memory until it is garbage collected. Rejects as `privateKey` of `nacre` does, or with
 * `not-supported-here` if WebCrypto lacks the key's algorithm.
 */
export async function importWebKey(text: string | Uint8Array, options: PrivateKeyOptions = {}): Promise<WebKey> {
  webCrypto();
  const { publicKey, fields } = await privateKey(text, options);
  const jwk = privateJwk(fields, base64urlEncode);
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

async function importAll(publicKey: PublicKey, jwk: Jwk): Promise<Readonly<Record<string, CryptoKey>>> {
  const privateKeys: Record<string, CryptoKey> = {};
  const publicHalf = publicJwk(publicKey.blob, base64urlEncode);
  for (const { name } of publicKey.algorithms) {
    const { key } = WEB_ALGORITHMS[name]!;
    const held = await webCrypto().importKey("jwk", jwk, key, /* rule: web-key-import-not-extractable */ false, [
      "sign",
    ]);
    await probe(name, {
      privateKey: held,
      publicKey: await webCrypto().importKey("jwk", publicHalf, key, true, ["verify"]),
    });
    privateKeys[name] = held;
  }
  return privateKeys;
}
