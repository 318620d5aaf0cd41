/**
 * Writes test-vectors/kex.json:
 * - x25519: the agreement of RFC 7748, checked against OpenSSL, and agreements made with OpenSSL. Their secrets begin with each kind of
 *   byte that matters for the encoding as an mpint;
 * - ecdh: the agreements of RFC 5903 §8 on the NIST curves, checked against OpenSSL, and for each curve a secret with a leading zero byte;
 * - modp: agreements in groups 14, 16 and 18 of RFC 3526, made with OpenSSL and its primes;
 * - mlkem768x25519: exchanges made with OpenSSL's ML-KEM-768 and X25519, and OpenSSL's results for invalid ciphertexts.
 *
 * ML-KEM needs OpenSSL 3.5, so it comes from this machine's `openssl`: Node 20 contains an older OpenSSL.
 */
import { execFileSync } from "node:child_process";
import {
  createDiffieHellman,
  createECDH,
  createHash,
  createPrivateKey,
  createPublicKey,
  type DiffieHellman,
  diffieHellman,
  type ECDH,
  getDiffieHellman,
  type KeyObject,
} from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Prefixes of PKCS#8 and SubjectPublicKeyInfo for X25519 (RFC 8410), before the 32 bytes of the key. */
const PRIVATE = "302e020100300506032b656e04220420";
const PUBLIC = "302a300506032b656e032100";

/** OpenSSL's name of each curve, and the length of its coordinates in bytes. */
const NIST_CURVES: Readonly<Record<string, { readonly name: string; readonly length: number }>> = {
  nistp256: { name: "prime256v1", length: 32 },
  nistp384: { name: "secp384r1", length: 48 },
  nistp521: { name: "secp521r1", length: 66 },
};

/** Vector of RFC 7748 §6.1, with Alice as the client and Bob as the server. */
const published = {
  clientSecret: "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
  clientPublic: "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
  serverSecret: "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
  serverPublic: "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
  shared: "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
};
const checked = agreement(published.clientSecret, published.serverSecret);
if (JSON.stringify(checked) !== JSON.stringify(published))
  throw new Error("OpenSSL's result differs from RFC 7748 §6.1");

const found = [
  ["the first bit set", /^[89a-f]/],
  ["a leading zero byte and the next bit clear", /^00[0-7]/],
  ["a leading zero byte and the next bit set", /^00[89a-f]/],
  ["two leading zero bytes", /^0000/],
].map(([name, pattern]) => {
  for (let i = 0; ; i++) {
    const vector = agreement(secretOf(`client ${i}`), secretOf(`server ${i}`));
    if ((pattern as RegExp).test(vector.shared)) return { name: `a secret with ${name as string}`, ...vector };
  }
});

/** Vectors of RFC 5903 §8: i, r and girx. */
const ecdh = [
  {
    curve: "nistp256",
    name: "RFC 5903 §8.1",
    clientSecret: "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
    serverSecret: "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
    shared: "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de",
  },
  {
    curve: "nistp384",
    name: "RFC 5903 §8.2",
    clientSecret: "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee3faef896783ab194",
    serverSecret: "41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060855cc9bda0aa2942e0308312916b8ed2960e4bd55a7448fc",
    shared: "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4d603135569b9e9d09cf5d4a270f59746",
  },
  {
    curve: "nistp521",
    name: "RFC 5903 §8.3",
    clientSecret:
      "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a095aa85a30fe1c2952c6771d937ba9777f5957b2639bab072462f68c27a57382d4a52",
    serverSecret:
      "0145ba99a847af43793fdd0e872e7cdfa16be30fdc780f97bccc3f078380201e9c677d600b343757a3bdbf2a3163e4c2f869cca7458aa4a4effc311f5cb151685eb9",
    shared:
      "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04d1427e73ca4baa240a34786859810c06b3c715a3a8cc3151f2bee417996d19f3ddea",
  },
].flatMap((published) => {
  const made = ecdhAgreement(published.curve, published.clientSecret, published.serverSecret);
  if (made.shared !== published.shared) throw new Error(`OpenSSL's result differs from ${published.name}`);
  // The highest byte of a P-521 coordinate has only one bit, so two zero bytes are required there.
  const first = published.curve === "nistp521" ? /^0000/ : /^00/;
  for (let i = 0; ; i++) {
    const [client, server] = ["client", "server"].map((side) => secretOf(`${published.curve} ${side} ${i}`));
    const vector = ecdhAgreement(published.curve, client!, server!);
    if (first.test(vector.shared))
      return [
        { name: published.name, ...made },
        { name: "a secret with a leading zero byte", ...vector },
      ];
  }
});

const modp = [
  { group: 14, bits: 320 },
  { group: 16, bits: 480 },
  { group: 18, bits: 624 },
].map(({ group, bits }) => {
  const prime = getDiffieHellman(`modp${group}`).getPrime();
  // One object for both sides: creating one takes seconds, as OpenSSL tests the prime.
  const openssl = createDiffieHellman(prime, 2);
  const agreements = [
    { name: "a secret with the first bit set", pattern: /^[89a-f]/ },
    { name: "a secret with a leading zero byte", pattern: /^00/ },
  ].map(({ name, pattern }) => {
    for (let i = 0; ; i++) {
      const vector = modpAgreement(openssl, bits, i);
      if (pattern.test(vector.shared)) return { name, ...vector };
    }
  });
  return { group, prime: prime.toString("hex"), agreements };
});

const folder = mkdtempSync(join(tmpdir(), "kex-vectors-"));
const seed = secretOf("ML-KEM d") + secretOf("ML-KEM z");
const message = secretOf("ML-KEM m");
const encapsulated = encapsulate(seed, message);
const hybrids = [
  { name: "an exchange", number: 0 },
  { name: "an X25519 secret with a leading zero byte", number: search(({ classical }) => classical.startsWith("00")) },
  { name: "a K with a leading zero byte", number: search(({ shared }) => shared.startsWith("00")) },
].map(({ name, number }) => ({ name, ...hybrid(number) }));
const { ciphertext } = encapsulated;
const wrongCiphertexts = [
  ["first bit flipped", Buffer.concat([Buffer.of(ciphertext[0]! ^ 0x80), ciphertext.subarray(1)])],
  ["last bit flipped", Buffer.concat([ciphertext.subarray(0, -1), Buffer.of(ciphertext.at(-1)! ^ 1)])],
  ["all bits 0", Buffer.alloc(ciphertext.length)],
  ["all bits 1", Buffer.alloc(ciphertext.length, 0xff)],
  ["for another key", encapsulate(secretOf("another d") + secretOf("another z"), message).ciphertext],
].map(([name, wrong]) => ({
  name: `a wrong ciphertext: ${name as string}`,
  ciphertext: (wrong as Buffer).toString("hex"),
  postQuantum: decapsulate(seed, wrong as Buffer),
}));
if (decapsulate(seed, ciphertext) !== encapsulated.secret)
  throw new Error("OpenSSL's decapsulated secret differs from its encapsulated one");
rmSync(folder, { recursive: true });

const document = {
  source: `RFC 7748 §6.1; RFC 5903 §8; agreements by OpenSSL ${process.versions.openssl} through node:crypto; ML-KEM by ${openssl("version").toString().trim()}`,
  script: "scripts/vectors/kex.ts",
  note: "Bytes are hexadecimal.",
  x25519: [{ name: "RFC 7748 §6.1", ...published }, ...found],
  ecdh,
  modp,
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
  if (!der.startsWith(PUBLIC)) throw new Error(`unexpected encoding of an X25519 key: ${der}`);
  return der.slice(PUBLIC.length);
}

function secretOf(label: string): string {
  return createHash("sha256").update(label).digest("hex");
}

/** Returns an agreement on a NIST curve, given by its SSH name. Pads secrets that are shorter than the curve's order with zeros. */
function ecdhAgreement(
  curve: string,
  clientSecret: string,
  serverSecret: string,
): typeof published & { curve: string } {
  const { name, length } = NIST_CURVES[curve]!;
  const [client, server] = [clientSecret, serverSecret].map((secret) => {
    const side = createECDH(name);
    side.setPrivateKey(secret.padStart(2 * length, "0"), "hex");
    return side;
  }) as [ECDH, ECDH];
  return {
    curve,
    clientSecret: clientSecret.padStart(2 * length, "0"),
    clientPublic: client.getPublicKey("hex"),
    serverSecret: serverSecret.padStart(2 * length, "0"),
    serverPublic: server.getPublicKey("hex"),
    shared: client.computeSecret(server.getPublicKey()).toString("hex"),
  };
}

/** Returns an agreement with exponents of `bits` + 1 bits, the highest of them set. */
function modpAgreement(openssl: DiffieHellman, bits: number, number: number): typeof published {
  const [clientSecret, serverSecret] = ["client", "server"].map((side) => {
    const digits = [1, 2, 3].map((part) => secretOf(`modp ${side} ${number}, ${part}`)).join("");
    return `01${digits.slice(0, bits / 4)}`;
  }) as [string, string];
  openssl.setPrivateKey(serverSecret, "hex");
  const serverPublic = openssl.generateKeys("hex");
  openssl.setPrivateKey(clientSecret, "hex");
  const clientPublic = openssl.generateKeys("hex");
  const shared = openssl.computeSecret(serverPublic, "hex", "hex");
  return { clientSecret, clientPublic, serverSecret, serverPublic, shared };
}

/** Returns the exchange with both X25519 secrets derived from `number`. */
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

/** Encapsulates with ML-KEM-768 and given randomness (FIPS 203 §6.1, §6.2): `seed` is d and z, `message` is m. */
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
  // The key is the last 1184 bytes of its SubjectPublicKeyInfo.
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
