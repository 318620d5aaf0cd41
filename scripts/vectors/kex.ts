/**
 * Writes test-vectors/kex.json: the X25519 agreement of RFC 7748, checked against OpenSSL before it is written, and
 * agreements made with OpenSSL whose secrets begin in each way that an mpint tells apart.
 */
import { createHash, createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import { writeFileSync } from "node:fs";

/** PKCS#8 and SubjectPublicKeyInfo of X25519 (RFC 8410), up to the 32 bytes of the key. */
const PRIVATE = "302e020100300506032b656e04220420";
const PUBLIC = "302a300506032b656e032100";

/** RFC 7748 §6.1: Alice as the client, Bob as the server. */
const published = {
  clientSecret: "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
  clientPublic: "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
  serverSecret: "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
  serverPublic: "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
  shared: "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
};
const checked = agreement(published.clientSecret, published.serverSecret);
if (JSON.stringify(checked) !== JSON.stringify(published)) throw new Error("OpenSSL does not give RFC 7748 §6.1");

const found = [
  ["the first bit set", /^[89a-f]/],
  ["a first byte of 0, and no bit set after it", /^00[0-7]/],
  ["a first byte of 0, and the next bit set", /^00[89a-f]/],
  ["two first bytes of 0", /^0000/],
].map(([name, pattern]) => {
  for (let i = 0; ; i++) {
    const vector = agreement(secretOf(`client ${i}`), secretOf(`server ${i}`));
    if ((pattern as RegExp).test(vector.shared)) return { name: `a secret with ${name as string}`, ...vector };
  }
});

const document = {
  source: `RFC 7748 §6.1; agreements by OpenSSL ${process.versions.openssl} through node:crypto`,
  script: "scripts/vectors/kex.ts",
  note: "Bytes are hexadecimal.",
  x25519: [{ name: "RFC 7748 §6.1", ...published }, ...found],
};
writeFileSync(new URL("../../test-vectors/kex.json", import.meta.url), `${JSON.stringify(document, null, 2)}\n`);

function agreement(clientSecret: string, serverSecret: string): typeof published {
  const client = privateKey(clientSecret);
  const server = privateKey(serverSecret);
  const shared = diffieHellman({ privateKey: client, publicKey: createPublicKey(server) }).toString("hex");
  return { clientSecret, clientPublic: publicOf(client), serverSecret, serverPublic: publicOf(server), shared };
}

function privateKey(secret: string): KeyObject {
  return createPrivateKey({ key: Buffer.from(PRIVATE + secret, "hex"), format: "der", type: "pkcs8" });
}

function publicOf(key: KeyObject): string {
  const der = createPublicKey(key).export({ format: "der", type: "spki" }).toString("hex");
  if (!der.startsWith(PUBLIC)) throw new Error(`an unexpected form of X25519 key: ${der}`);
  return der.slice(PUBLIC.length);
}

function secretOf(label: string): string {
  return createHash("sha256").update(label).digest("hex");
}
