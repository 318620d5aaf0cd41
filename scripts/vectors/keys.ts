/**
 * Writes test-vectors/keys.json: keys from `ssh-keygen`, and signatures with them from `ssh-keygen -Y sign` and `openssl dgst -sign`.
 *
 *     node --conditions=@nacre/source --import tsx scripts/vectors/keys.ts
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { base64Decode, Reader, toHex, Writer } from "@nacre/wire";

const KINDS = [
  { name: "ed25519", type: "ed25519", bits: 256 },
  { name: "ed25519-other", type: "ed25519", bits: 256 },
  { name: "ecdsa-256", type: "ecdsa", bits: 256 },
  { name: "ecdsa-256-other", type: "ecdsa", bits: 256 },
  { name: "ecdsa-384", type: "ecdsa", bits: 384 },
  { name: "ecdsa-521", type: "ecdsa", bits: 521 },
  { name: "rsa-1024", type: "rsa", bits: 1024 },
  { name: "rsa-2048", type: "rsa", bits: 2048 },
  { name: "rsa-2048-other", type: "rsa", bits: 2048 },
  { name: "rsa-3072", type: "rsa", bits: 3072 },
  { name: "rsa-4096", type: "rsa", bits: 4096 },
];
const DATA = Buffer.from("Nacre signs this, and nothing else.");

type Key = ReturnType<typeof makeKey>;
interface Signature {
  readonly key: string;
  readonly algorithm: string;
  readonly data: string;
  readonly signature: string;
  readonly valid: boolean;
  readonly what: string;
}

const folder = mkdtempSync(join(tmpdir(), "vectors-"));
try {
  const keys = KINDS.map(makeKey);
  const signatures = [
    ...keys.filter((key) => key.bits !== 1024).map(sshKeygenSignature),
    ...keys.filter((key) => key.type === "rsa" && key.bits !== 1024).flatMap(rsaSignatures),
  ];
  const vectors = {
    source:
      "Keys: ssh-keygen. Fingerprints: ssh-keygen -l -E. Signatures: ssh-keygen -Y sign, and openssl dgst -sign. Invalid signatures are altered valid ones.",
    script: "scripts/vectors/keys.ts",
    versions: { openssh: sshVersion(), openssl: run("openssl", "version").trim() },
    encoding:
      "blob: base64; data, signature and private values: hexadecimal; n … iqmp and d: big-endian without leading zeros",
    keys: keys.map(({ name, bits, format, blob, fingerprints, fields }) => ({
      name,
      bits,
      format,
      blob: blob.toString("base64"),
      fingerprints,
      fields,
    })),
    signatures: [...signatures, ...signatures.filter(({ valid }) => valid).flatMap(spoilt)],
  };
  writeFileSync(new URL("../../test-vectors/keys.json", import.meta.url), `${JSON.stringify(vectors, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true });
}

function makeKey({ name, type, bits }: (typeof KINDS)[number]) {
  const file = join(folder, name);
  run("ssh-keygen", "-q", "-t", type, "-b", `${bits}`, "-N", "", "-C", name, "-f", file);
  const line = readFileSync(`${file}.pub`, "latin1");
  const [format, blob] = line.split(" ") as [string, string];
  const print = (hash: string) => run("ssh-keygen", "-l", "-E", hash, "-f", `${file}.pub`).split(" ").at(1)!;
  return {
    name,
    type,
    bits,
    file,
    format,
    blob: Buffer.from(blob, "base64"),
    fingerprints: { sha256: print("sha256"), md5: print("md5") },
    fields: privateFields(readFileSync(file, "latin1")),
  };
}

/** Reads the private values of an unencrypted key file (OpenSSH PROTOCOL.key). */
function privateFields(pem: string): Record<string, string> {
  const file = new Reader(base64Decode(pem.replaceAll(/-----.*-----|\n/g, ""))!, "key file");
  file.raw("openssh-key-v1\0".length, "magic");
  for (const field of ["cipher", "kdf", "kdf options"]) file.string(field);
  file.uint32("number of keys");
  file.string("public key");
  const secrets = new Reader(file.string("private keys"), "private keys", { offset: 8 });
  const format = secrets.name("format");
  const hex = (field: string) => toHex(secrets.string(field)).replace(/^(00)+/, "");
  switch (format) {
    case "ssh-ed25519":
      return {
        format,
        publicKey: toHex(secrets.string("public")),
        seed: toHex(secrets.string("seed").subarray(0, 32)),
      };
    case "ssh-rsa":
      return Object.fromEntries([
        ["format", format],
        ...["n", "e", "d", "iqmp", "p", "q"].map((field) => [field, hex(field)]),
      ]);
    default:
      secrets.name("curve");
      return { format, publicPoint: toHex(secrets.string("point")), d: hex("d") };
  }
}

/** Signs with `ssh-keygen -Y sign`. The signed data is a structure that contains a hash of DATA (OpenSSH PROTOCOL.sshsig). */
function sshKeygenSignature(key: Key): Signature {
  const armored = execFileSync("ssh-keygen", ["-q", "-Y", "sign", "-n", "vectors", "-f", key.file], {
    input: DATA,
  }).toString();
  const reader = new Reader(base64Decode(armored.replaceAll(/-----.*-----|\n/g, ""))!, "SSHSIG");
  reader.raw("SSHSIG".length, "magic");
  reader.uint32("version");
  reader.string("public key");
  const [namespace, reserved, hash] = [reader.string("namespace"), reader.string("reserved"), reader.name("hash")];
  const signature = reader.string("signature");
  reader.end();
  const digest = createHash(hash).update(DATA).digest();
  const data = new Writer()
    .raw(Buffer.from("SSHSIG"))
    .string(namespace)
    .string(reserved)
    .string(hash)
    .string(digest)
    .finish();
  const algorithm = new Reader(signature, "signature").name("algorithm");
  return { ...hexes(key, algorithm, data, signature), valid: true, what: "ssh-keygen -Y sign" };
}

function rsaSignatures(key: Key): Signature[] {
  run("ssh-keygen", "-q", "-p", "-m", "PEM", "-N", "", "-f", key.file);
  const openssl = (hash: string, data: Buffer) =>
    execFileSync("openssl", ["dgst", `-${hash}`, "-sign", key.file], { input: data });
  const [sha1, sha256, sha512] = ["sha1", "sha256", "sha512"].map((hash) => openssl(hash, DATA)) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  const vector = (algorithm: string, name: string, blob: Uint8Array, valid: boolean, what: string) => ({
    ...hexes(key, algorithm, DATA, named(name, blob)),
    valid,
    what,
  });
  const signatures = [
    vector("rsa-sha2-256", "rsa-sha2-256", sha256, true, "openssl dgst -sha256 -sign"),
    vector("rsa-sha2-512", "rsa-sha2-512", sha512, true, "openssl dgst -sha512 -sign"),
    vector("rsa-sha2-512", "rsa-sha2-256", sha256, false, "an rsa-sha2-256 signature where rsa-sha2-512 is negotiated"),
    vector("rsa-sha2-256", "rsa-sha2-512", sha512, false, "an rsa-sha2-512 signature where rsa-sha2-256 is negotiated"),
    vector("rsa-sha2-512", "rsa-sha2-512", sha256, false, "a SHA-256 hash in a signature named rsa-sha2-512"),
    vector("rsa-sha2-256", "rsa-sha2-256", sha1, false, "a SHA-1 hash in a signature named rsa-sha2-256"),
    vector("rsa-sha2-256", "ssh-rsa", sha1, false, "an ssh-rsa signature where rsa-sha2-256 is negotiated"),
    vector("rsa-sha2-512", "ssh-rsa", sha1, false, "an ssh-rsa signature where rsa-sha2-512 is negotiated"),
  ];
  if (key.name !== "rsa-2048") return signatures;
  for (let i = 0; ; i++) {
    const data = Buffer.from(`Nacre signs this, try ${i}.`);
    const blob = openssl("sha256", data);
    if (blob[0] !== 0) continue;
    const short = {
      ...hexes(key, "rsa-sha2-256", data, named("rsa-sha2-256", blob.subarray(1))),
      valid: true,
      what: "the leading zero left out (RFC 8332 §3)",
    };
    const long = {
      ...hexes(key, "rsa-sha2-256", data, named("rsa-sha2-256", Buffer.concat([Buffer.of(0), blob]))),
      valid: false,
      what: "an extra leading zero",
    };
    return [...signatures, short, long];
  }
}

/** Returns invalid variants of a valid signature, made without the private key. */
function spoilt(good: Signature): Signature[] {
  const signature = Buffer.from(good.signature, "hex");
  const flipped = Buffer.from(signature);
  flipped[flipped.length - 1]! ^= 1;
  const bad = (what: string, change: Partial<Signature>) => ({ ...good, ...change, valid: false, what });
  const other = { ed25519: "ed25519-other", "ecdsa-256": "ecdsa-256-other", "rsa-2048": "rsa-2048-other" }[good.key];
  return [
    bad("the last byte left out", { signature: signature.subarray(0, -1).toString("hex") }),
    bad("an extra byte at the end", { signature: `${good.signature}00` }),
    bad("one bit flipped", { signature: flipped.toString("hex") }),
    bad("over other data", { data: `${good.data}00` }),
    ...(other === undefined ? [] : [bad("by another key", { key: other })]),
  ];
}

function hexes(key: Key, algorithm: string, data: Uint8Array, signature: Uint8Array) {
  return { key: key.name, algorithm, data: toHex(data), signature: toHex(signature) };
}

function named(name: string, blob: Uint8Array): Uint8Array {
  return new Writer().string(name).string(blob).finish();
}

function sshVersion(): string {
  // `ssh -V` prints to stderr. A client's identification string lacks the packaging version.
  return execFileSync("sh", ["-c", "ssh -V 2>&1"]).toString().trim();
}

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { stdio: ["ignore", "pipe", "inherit"] }).toString();
}
