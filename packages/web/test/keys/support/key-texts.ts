import { type FormatPrivateKeyOptions, formatPrivateKey, openPrivateKey, type PlainKeyFile } from "@nacre/keyfiles";
import type { PublicKey } from "@nacre/keys";
import { base64Encode } from "@nacre/wire";

/** Key types that WebCrypto accepts. */
export const KEY_KINDS = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "ssh-rsa",
] as const;

export type KeyKind = (typeof KEY_KINDS)[number];

/** Returns the text of a private key file with a new key. */
export async function keyText(
  kind: KeyKind,
  format: FormatPrivateKeyOptions["format"],
  passphrase?: string,
): Promise<{ readonly text: string; readonly publicKey: PublicKey }> {
  const { privateKey: made } = (await crypto.subtle.generateKey(algorithmOf(kind), true, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", made));
  const pem = `-----BEGIN PRIVATE KEY-----\n${base64Encode(pkcs8)}\n-----END PRIVATE KEY-----\n`;
  const { privateKey } = openPrivateKey(pem) as PlainKeyFile;
  const writing = formatPrivateKey(privateKey, { format, passphrase, rounds: 1, random });
  let step = writing.next();
  while (!step.done) step = writing.next();
  return { text: step.value, publicKey: privateKey.publicKey };
}

function random(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

function algorithmOf(kind: KeyKind): { readonly name: string } & Partial<EcKeyGenParams & RsaHashedKeyGenParams> {
  switch (kind) {
    case "ssh-ed25519":
      return { name: "Ed25519" };
    case "ssh-rsa":
      return {
        name: "RSASSA-PKCS1-v1_5",
        modulusLength: 2048,
        publicExponent: Uint8Array.of(1, 0, 1),
        hash: "SHA-256",
      };
    default:
      return { name: "ECDSA", namedCurve: kind.replace("ecdsa-sha2-nistp", "P-") };
  }
}
