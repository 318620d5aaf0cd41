import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { formatPrivateKey, openPrivateKey, type PlainKeyFile, type PrivateKeyFormat } from "@nacre/keyfiles";
import type { PublicKey } from "@nacre/keys";

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
export function keyText(
  kind: KeyKind,
  format: PrivateKeyFormat,
  passphrase?: string,
): { readonly text: string; readonly publicKey: PublicKey } {
  const pkcs8 = newKey(kind).export({ type: "pkcs8", format: "pem" });
  const { privateKey } = openPrivateKey(pkcs8) as PlainKeyFile;
  const writing = formatPrivateKey(privateKey, { format, passphrase, rounds: 1, random: randomBytes });
  let step = writing.next();
  while (!step.done) step = writing.next();
  return { text: step.value, publicKey: privateKey.publicKey };
}

function newKey(kind: KeyKind): KeyObject {
  switch (kind) {
    case "ssh-ed25519":
      return generateKeyPairSync("ed25519").privateKey;
    case "ssh-rsa":
      return generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    default:
      return generateKeyPairSync("ec", { namedCurve: kind.replace("ecdsa-sha2-nistp", "P-") }).privateKey;
  }
}
