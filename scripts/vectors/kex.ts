/**
 * Writes test-vectors/kex.json:
 * - x25519: the agreement of RFC 7748, checked against OpenSSL before it is written, and agreements made with OpenSSL whose secrets begin
 *   in each way that an mpint tells apart;
 * - mlkem768x25519: exchanges made with OpenSSL's ML-KEM-768 and X25519, and what it makes of ciphertexts that are wrong.
 *
 * ML-KEM is from OpenSSL 3.5 on: the `openssl` of this machine, since Node 20 has an older one inside.
 */
import { execFileSync } from "node:child_process";
import { createHash, createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

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

const folder = mkdtempSync(join(tmpdir(), "kex-vectors-"));
const seed = secretOf("ML-KEM d") + secretOf("ML-KEM z");
const message = secretOf("ML-KEM m");
const encapsulated = encapsulate(seed, message);
const hybrids = [
  { name: "an exchange", number: 0 },
  { name: "a secret of X25519 that begins with 0", number: search(({ classical }) => classical.startsWith("00")) },
  { name: "a K that begins with 0", number: search(({ shared }) => shared.startsWith("00")) },
].map(({ name, number }) => ({ name, ...hybrid(number) }));
const { ciphertext } = encapsulated;
const wrongCiphertexts = [
  ["its first bit is another", Buffer.concat([Buffer.of(ciphertext[0]! ^ 0x80), ciphertext.subarray(1)])],
  ["its last bit is another", Buffer.concat([ciphertext.subarray(0, -1), Buffer.of(ciphertext.at(-1)! ^ 1)])],
  ["all bits 0", Buffer.alloc(ciphertext.length)],
  ["all bits 1", Buffer.alloc(ciphertext.length, 0xff)],
  ["for another key", encapsulate(secretOf("another d") + secretOf("another z"), message).ciphertext],
].map(([name, wrong]) => ({
  name: `a ciphertext that is wrong: ${name as string}`,
  ciphertext: (wrong as Buffer).toString("hex"),
  postQuantum: decapsulate(seed, wrong as Buffer),
}));
if (decapsulate(seed, ciphertext) !== encapsulated.secret) throw new Error("OpenSSL does not agree with itself");
rmSync(folder, { recursive: true });

const document = {
  source: `RFC 7748 §6.1; agreements by OpenSSL ${process.versions.openssl} through node:crypto; ML-KEM by ${openssl("version").toString().trim()}`,
  script: "scripts/vectors/kex.ts",
  note: "Bytes are hexadecimal.",
  x25519: [{ name: "RFC 7748 §6.1", ...published }, ...found],
  mlkem768x25519: { seed, message, exchanges: hybrids, wrongCiphertexts },
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

/** The exchange in which both X25519 secrets come from `number`. */
function hybrid(
  number: number,
): Record<
  "clientSecret" | "serverSecret" | "clientValue" | "serverValue" | "postQuantum" | "classical" | "shared",
  string
> {
  const x25519 = agreement(secretOf(`hybrid client ${number}`), secretOf(`hybrid server ${number}`));
  const secrets = Buffer.from(encapsulated.secret + x25519.shared, "hex");
  return {
    clientSecret: x25519.clientSecret,
    serverSecret: x25519.serverSecret,
    clientValue: encapsulated.publicKey.toString("hex") + x25519.clientPublic,
    serverValue: encapsulated.ciphertext.toString("hex") + x25519.serverPublic,
    postQuantum: encapsulated.secret,
    classical: x25519.shared,
    shared: createHash("sha256").update(secrets).digest("hex"),
  };
}

function search(fits: (exchange: ReturnType<typeof hybrid>) => boolean): number {
  for (let number = 1; ; number++) if (fits(hybrid(number))) return number;
}

/** ML-KEM-768 with given randomness (FIPS 203 §6.1, §6.2): `seed` is d and z, `message` is m. */
function encapsulate(
  seed: string,
  message: string,
): { readonly publicKey: Buffer; readonly ciphertext: Buffer; readonly secret: string } {
  const [key, publicKey, ciphertext, secret] = ["key", "public", "ciphertext", "secret"].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  openssl("genpkey", "-algorithm", "ML-KEM-768", "-pkeyopt", `hexseed:${seed}`, "-out", key);
  openssl("pkey", "-in", key, "-pubout", "-outform", "DER", "-out", publicKey);
  openssl(
    "pkeyutl",
    "-encap",
    "-pubin",
    "-inkey",
    publicKey,
    "-pkeyopt",
    `hexikme:${message}`,
    "-out",
    ciphertext,
    "-secret",
    secret,
  );
  // The key is the end of its SubjectPublicKeyInfo.
  return {
    publicKey: readFileSync(publicKey).subarray(-1184),
    ciphertext: readFileSync(ciphertext),
    secret: readFileSync(secret, "hex"),
  };
}

function decapsulate(seed: string, ciphertext: Buffer): string {
  const [key, input, secret] = ["key", "input", "secret"].map((name) => join(folder, name)) as [string, string, string];
  openssl("genpkey", "-algorithm", "ML-KEM-768", "-pkeyopt", `hexseed:${seed}`, "-out", key);
  writeFileSync(input, ciphertext);
  openssl("pkeyutl", "-decap", "-inkey", key, "-in", input, "-secret", secret);
  return readFileSync(secret, "hex");
}

function openssl(...args: readonly string[]): Buffer {
  return execFileSync("openssl", args);
}
