/** Writes test-vectors/kdf.json: keys derived by OpenSSL's SSHKDF with several hashes, also with lengths that need several hash blocks. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";

const DIGESTS = { sha1: "SHA1", sha256: "SHA256", sha384: "SHA384", sha512: "SHA512" } as const;

/** Returns pseudo-random bytes that are the same in every run. */
function bytes(label: string, length: number): Buffer {
  return createHash("shake256", { outputLength: length }).update(label).digest();
}

/** Encodes an unsigned big-endian integer as an mpint (RFC 4251 §5). */
function mpint(magnitude: Buffer): Buffer {
  const start = magnitude.findIndex((byte) => byte !== 0);
  const short = magnitude.subarray(start);
  const body = (short[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), short]) : short;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

const openssl = execFileSync("openssl", ["version"], { encoding: "utf8" }).trim();
const vectors = Object.entries(DIGESTS).flatMap(([hash, digest]) =>
  [12, 16, 20, 32, 33, 64, 65, 200].map((length, i) => {
    const size = createHash(hash).digest().length;
    const sharedSecret = mpint(bytes(`${hash} ${length} K`, 32 + i)).toString("hex");
    const exchangeHash = bytes(`${hash} ${length} H`, size).toString("hex");
    const sessionId = bytes(`${hash} ${length} session`, size).toString("hex");
    const letter = "ABCDEF".charAt(i % 6);
    const options = [
      `digest:${digest}`,
      `hexkey:${sharedSecret}`,
      `hexxcghash:${exchangeHash}`,
      `hexsession_id:${sessionId}`,
      `type:${letter}`,
    ];
    const command = ["kdf", "-keylen", `${length}`, ...options.flatMap((option) => ["-kdfopt", option]), "SSHKDF"];
    const key = execFileSync("openssl", command, { encoding: "utf8" }).trim().replaceAll(":", "").toLowerCase();
    return { hash, sharedSecret, exchangeHash, sessionId, letter, length, key };
  }),
);

const document = {
  source: `\`openssl kdf … SSHKDF\` (${openssl}); RFC 4253 §7.2`,
  script: "scripts/vectors/kdf.ts",
  note: "Bytes are hexadecimal; sharedSecret is the encoded mpint.",
  vectors,
};
writeFileSync(new URL("../../test-vectors/kdf.json", import.meta.url), `${JSON.stringify(document, null, 2)}\n`);
