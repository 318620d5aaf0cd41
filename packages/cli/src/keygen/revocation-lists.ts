import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { text as readText } from "node:stream/consumers";
import {
  type CertificatesToRevoke,
  formatKrl,
  type KeyToCheck,
  type Krl,
  krlRevokes,
  mergeRanges,
  parseKrl,
  parsePublicKeyLine,
} from "@nacre/keyfiles";
import { fingerprint, isCertified, parseCertificate } from "@nacre/keys";
import { certifiedKeyBlob, defaultKeyFormats } from "@nacre/keys/internal";
import { expandHome } from "@nacre/node";
import { showPath } from "@nacre/node/extend";
import { base64Decode, escapeText, Reader, SshError, toHex, utf8DecodeLossy, utf8Encode } from "@nacre/wire";
import type { OptionValues } from "../options.ts";
import { formatLocalTime } from "./certificate-times.ts";
import { KeygenFailure, readOrFail, reasonOf } from "./keygen-system.ts";
import { type ListedKey, readKeys, SHOWN_KEYS } from "./list-keys.ts";

/** Options of `-k` and `-Q`. */
export type RevocationListOption = "-k" | "-Q" | "-f" | "-u" | "-s" | "-z" | "-C" | "-l" | "-q";
type Values = OptionValues<RevocationListOption>;

/** What the files of `-k` add to a list. */
interface Additions {
  readonly keys: Uint8Array[];
  readonly sha1: Uint8Array[];
  readonly sha256: Uint8Array[];
  readonly certificates: CertificatesToRevoke[];
}

/** Runs `nacre keygen -k`: writes a revocation list, or with `-u` adds to one. Prints what ssh-keygen prints. */
export async function writeRevocationList(values: Values, files: readonly string[]): Promise<number> {
  const path = values.last("-f");
  if (path === undefined) throw new KeygenFailure("KRL generation requires an output file");
  const version = values.last("-z") === undefined ? undefined : serialOf(values.last("-z")!.replace(/^\+/, ""));
  if (values.has("-z") && version === undefined)
    throw new KeygenFailure(`Invalid serial number "${escapeText(values.last("-z")!)}"`);
  const authority = await authorityOf(values.last("-s"));
  const old = values.has("-u") ? await existingList(path) : undefined;

  const added: Additions = { keys: [], sha1: [], sha256: [], certificates: [] };
  const read: string[] = [];
  for (const file of files) {
    const name = file === "-" ? "(standard input)" : showPath(file);
    const text =
      file === "-"
        ? await readText(process.stdin)
        : utf8DecodeLossy(await readOrFail(file, (reason) => `fopen ${name}: ${reason}`));
    for (const [index, line] of text.split("\n").entries())
      addLine(added, line.replace(/#.*/s, "").trim(), authority, `${name}:${index + 1}`);
    read.push(name);
  }
  const list = formatKrl({
    version: version ?? old?.version ?? 0n,
    date: BigInt(Math.floor(Date.now() / 1000)),
    comment: values.last("-C") ?? old?.comment ?? "",
    keys: [...(old?.keys ?? []), ...added.keys],
    sha1: [...(old?.sha1 ?? []), ...added.sha1],
    sha256: [...(old?.sha256 ?? []), ...added.sha256],
    certificates: [...(old?.certificates.values() ?? []), ...added.certificates],
  });
  try {
    await writeFile(expandHome(path), list);
  } catch (cause) {
    throw new KeygenFailure(`write ${showPath(path)}: ${reasonOf(cause)}`);
  }
  if (!values.has("-q")) process.stdout.write(read.map((name) => `Revoking from ${name}\n`).join(""));
  return 0;
}

/** Returns the blob of the authority that `-s` names: empty for `none`, which is every authority. */
async function authorityOf(path: string | undefined): Promise<Uint8Array | undefined> {
  if (path === undefined) return undefined;
  if (path.toLowerCase() === "none") return new Uint8Array(0);
  return (await publicKeyOf(path, "CA public key")).publicKey.blob;
}

async function publicKeyOf(path: string, what: string): Promise<ListedKey> {
  try {
    return (await readKeys(expandHome(path)))[0]!;
  } catch (cause) {
    throw new KeygenFailure(`Cannot load ${what} ${showPath(path)}: ${reasonOf(cause)}`);
  }
}

async function existingList(path: string): Promise<Krl> {
  const shown = showPath(path);
  const bytes = await readOrFail(path, (reason) =>
    reason === "No such file or directory" ? `KRL "${shown}" does not exist` : `Unable to load KRL ${shown}: ${reason}`,
  );
  return parsedList(bytes, shown);
}

function parsedList(bytes: Uint8Array, shown: string): Krl {
  try {
    return parseKrl(bytes);
  } catch (cause) {
    throw new KeygenFailure(`Invalid KRL file ${shown}: ${reasonOf(cause)}`);
  }
}

/** Adds what one line of a specification revokes (ssh-keygen(1), KEY REVOCATION LISTS). `place` is its file and number. */
function addLine(added: Additions, line: string, authority: Uint8Array | undefined, place: string): void {
  if (line === "") return;
  const [, kind = "any", value = line] = /^(serial|id|key|sha1|sha256|hash):[ \t]*(.*)$/is.exec(line) ?? [];
  switch (kind.toLowerCase()) {
    case "serial": {
      const by = authority ?? missingAuthority("serial number");
      added.certificates.push({ authority: by, serials: [rangeOf(value, place)] });
      return;
    }
    case "id":
      added.certificates.push({ authority: authority ?? missingAuthority("key ID"), keyIds: [value] });
      return;
    case "hash":
      added.sha256.push(digestOf(value, place));
      return;
    case "any": {
      // Without a word in front, a certificate is revoked by what its authority calls it.
      const blob = blobOf(value, place);
      const { certificate } = keyToCheck(blob);
      if (certificate === undefined) added.keys.push(blob);
      else {
        const { authority: by, serial, keyId } = certificate;
        added.certificates.push(
          serial === 0n ? { authority: by, keyIds: [keyId] } : { authority: by, serials: [[serial, serial]] },
        );
      }
      return;
    }
    case "key":
      added.keys.push(plainBlob(blobOf(value, place)));
      return;
    default: {
      const hash = kind.toLowerCase() as "sha1" | "sha256";
      added[hash].push(
        new Uint8Array(
          createHash(hash)
            .update(plainBlob(blobOf(value, place)))
            .digest(),
        ),
      );
    }
  }
}

function missingAuthority(by: string): never {
  throw new KeygenFailure(`revoking certificates by ${by} requires specification of a CA key`);
}

function rangeOf(text: string, place: string): readonly [bigint, bigint] {
  const [from = "", to, ...more] = text.split("-");
  const first = serialOf(from);
  const last = to === undefined ? first : serialOf(to);
  if (first === undefined || last === undefined || more.length > 0)
    throw new KeygenFailure(`${place}: invalid serial "${escapeText(text)}"`);
  if (to !== undefined && last <= first) throw new KeygenFailure(`${place}: invalid serial range ${first}:${last}`);
  if (first === 0n) throw new KeygenFailure(`${place}: the serial number 0 cannot be revoked`);
  return [first, last];
}

/** Parses a number as strtoull(3) does: decimal, octal after `0`, hexadecimal after `0x`. `undefined` if it is invalid or too great. */
function serialOf(text: string): bigint | undefined {
  const [, octal, other] = /^(?:0([0-7]+)|(0x[0-9a-f]+|0|[1-9]\d*))$/i.exec(text) ?? [];
  if (octal === undefined && other === undefined) return undefined;
  const value = BigInt(octal === undefined ? other! : `0o${octal}`);
  return value > 0xffff_ffff_ffff_ffffn ? undefined : value;
}

/** Returns the digest in a fingerprint such as `SHA256:…`. */
function digestOf(text: string, place: string): Uint8Array {
  const [, base64] = /^SHA256:([^=]*)=*$/.exec(text) ?? [];
  if (base64 === undefined) throw new KeygenFailure(`${place}: unsupported hash algorithm`);
  const digest = base64Decode(base64.padEnd(4 * Math.ceil(base64.length / 4), "="));
  if (digest?.length !== 32) throw new KeygenFailure(`${place}: decode hash failed: invalid format`);
  return digest;
}

function blobOf(text: string, place: string): Uint8Array {
  try {
    return parsePublicKeyLine(text, SHOWN_KEYS).publicKey.blob;
  } catch (cause) {
    const reason = cause instanceof SshError && cause.code === "file-malformed" ? "invalid format" : reasonOf(cause);
    throw new KeygenFailure(`${place}: invalid key: ${reason}`);
  }
}

function plainBlob(blob: Uint8Array): Uint8Array {
  return certifiedKeyBlob(blob, defaultKeyFormats);
}

/** Returns what lists of revoked keys ask of a key or certificate. */
export function keyToCheck(blob: Uint8Array): KeyToCheck {
  if (!isCertified(formatOf(blob))) return { plainBlob: blob };
  const { publicKey, serial, keyId, authority } = parseCertificate(blob);
  return { plainBlob: publicKey.blob, certificate: { serial, keyId: utf8Encode(keyId), authority: authority.blob } };
}

/** Runs `nacre keygen -Q`: shows which keys a list revokes, and with `-l` what is in it. The status is 1 if any of the keys is revoked. */
export async function queryRevocationList(values: Values, files: readonly string[]): Promise<number> {
  const path = values.last("-f");
  if (path === undefined) throw new KeygenFailure("KRL checking requires an input file");
  const bytes = await readOrFail(path, (reason) => `Unable to load KRL ${showPath(path)}: ${reason}`);
  const krl = parsedList(bytes, showPath(path));
  if (values.has("-l"))
    process.stdout.write(
      contentOf(krl)
        .map((line) => `${line}\n`)
        .join(""),
    );
  let status = 0;
  for (const file of files) {
    const { publicKey, comment } = await publicKeyOf(file, "public key");
    const isRevoked = krlRevokes(krl, keyToCheck(publicKey.blob));
    if (isRevoked) status = 1;
    process.stdout.write(`${showPath(file)} (${escapeText(comment || file)}): ${isRevoked ? "REVOKED" : "ok"}\n`);
  }
  return status;
}

/** Returns the lines that `-Q -l` prints of a list. */
function contentOf(krl: Krl): string[] {
  const lines = [`# KRL version ${krl.version}`, `# Generated at ${formatLocalTime(krl.date).replaceAll(/[-:]/g, "")}`];
  if (krl.comment !== "") lines.push(`# Comment: ${escapeText(krl.comment)}`);
  lines.push("");
  for (const blob of krl.keys) lines.push(`hash: ${fingerprint(blob, "sha256")} # ${formatOf(blob)}`);
  for (const digest of krl.sha256) lines.push(`hash: SHA256:${toHex(digest)}`);
  for (const digest of krl.sha1) lines.push(`# hash SHA1:${toHex(digest)}`);
  for (const { authority, serials, keyIds } of krl.certificates.values()) {
    const isEvery = authority.length === 0;
    const by = isEvery ? "# Wildcard CA" : `# CA key ${formatOf(authority)} ${fingerprint(authority, "sha256")}`;
    lines.push("", by);
    for (const [first, last] of mergeRanges(serials))
      lines.push(first === last ? `serial: ${first}` : `serial: ${first}-${last}`);
    for (const keyId of keyIds) lines.push(`id: ${escapeText(utf8DecodeLossy(keyId))}`);
  }
  return lines;
}

function formatOf(blob: Uint8Array): string {
  return escapeText(new Reader(blob, "key", { code: "key-malformed" }).name("format"));
}
