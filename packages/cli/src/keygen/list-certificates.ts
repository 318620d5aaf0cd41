import { text as readText } from "node:stream/consumers";
import { parsePublicKeyLine } from "@nacre/keyfiles";
import { type Certificate, fingerprint, isCertified, keyLabel, parseCertificate } from "@nacre/keys";
import { showPath } from "@nacre/node/extend";
import { escapeText, Reader, SshError, toHex, utf8Decode, utf8DecodeLossy } from "@nacre/wire";
import { type OptionValues, usage } from "../options.ts";
import { formatValidity } from "./certificate-times.ts";
import { KeygenFailure, readOrFail, reasonOf, sayLine } from "./keygen-system.ts";

/** Runs `nacre keygen -L`: prints the certificates of a file, as ssh-keygen does. Returns status 1 if the file has no certificate. */
export async function listCertificates(values: OptionValues<"-f" | "-E">): Promise<number> {
  const file = values.last("-f");
  if (file === undefined) throw usage("missing certificate file for -L; give it with -f");
  const hash = values.last("-E")?.toLowerCase() ?? "sha256";
  if (hash !== "sha256" && hash !== "md5") throw usage(`unknown hash "${hash}"; expected sha256 or md5`);
  const isInput = file === "-";
  const shown = isInput ? "(stdin)" : showPath(file);
  const text = isInput
    ? await readText(process.stdin)
    : utf8DecodeLossy(await readOrFail(file, (reason) => `${shown}: ${reason}`));
  let status = 1;
  for (const [index, line] of text.replace(/\n$/, "").split("\n").entries()) {
    const number = index + 1;
    if (/^[ \t]*#/.test(line) || text === "") continue;
    try {
      const { publicKey } = parsePublicKeyLine(line);
      if (!isCertified(publicKey.format)) {
        sayLine(`${shown}:${number} is not a certificate`);
        continue;
      }
      const certificate = parseCertificate(publicKey.blob);
      const place = number === 1 && !isInput ? shown : `${shown}:${number}`;
      process.stdout.write([`${place}:`, ...linesOf(certificate, hash), ""].join("\n"));
      status = 0;
    } catch (cause) {
      if (!(cause instanceof SshError)) throw cause;
      const reason = cause.code === "file-malformed" ? "invalid format" : reasonOf(cause);
      sayLine(`${shown}:${number}: invalid key: ${reason}`);
    }
  }
  return status;
}

const INDENT = " ".repeat(8);

function linesOf(certificate: Certificate, hash: "sha256" | "md5"): string[] {
  const { format, type, publicKey, authority, signatureAlgorithm, keyId, serial, principals } = certificate;
  const { criticalOptions, extensions } = certificate;
  return [
    `Type: ${format} ${type} certificate`,
    `Public key: ${keyLabel(format)} ${fingerprint(publicKey.blob, hash)}`,
    `Signing CA: ${keyLabel(authority.format)} ${fingerprint(authority.blob, hash)} (using ${escapeText(signatureAlgorithm)})`,
    `Key ID: "${printable(keyId)}"`,
    `Serial: ${serial}`,
    `Valid: ${formatValidity(certificate)}`,
    ...list("Principals", principals.map(printable)),
    ...list(
      "Critical Options",
      [...criticalOptions].map((one) => optionLine(one, FLAG_OPTIONS, VALUE_OPTIONS)),
    ),
    ...list(
      "Extensions",
      [...extensions].map((one) => optionLine(one, EXTENSIONS, [])),
    ),
  ].map((line) => INDENT + line);
}

function list(name: string, items: readonly string[]): string[] {
  return items.length === 0 ? [`${name}: (none)`] : [`${name}: `, ...items.map((item) => INDENT + item)];
}

const FLAG_OPTIONS = ["verify-required"];
const VALUE_OPTIONS = ["force-command", "source-address"];
const EXTENSIONS = [
  "permit-X11-forwarding",
  "permit-agent-forwarding",
  "permit-port-forwarding",
  "permit-pty",
  "permit-user-rc",
  "no-touch-required",
];

function optionLine(
  [name, data]: readonly [string, Uint8Array],
  flags: readonly string[],
  texts: readonly string[],
): string {
  const shown = printable(name);
  if (texts.includes(name)) {
    const reader = new Reader(data, name, { code: "key-malformed" });
    const value = reader.string("value");
    reader.end();
    return `${shown} ${printable(utf8Decode(value) ?? toHex(value))}`;
  }
  if (data.length > 0) {
    if (flags.includes(name)) throw new KeygenFailure("Option corrupt: extra data at end");
    return `${shown} UNKNOWN OPTION: ${toHex(data)} (len ${data.length})`;
  }
  return flags.includes(name) ? shown : `${shown} UNKNOWN FLAG OPTION`;
}

/** Escapes control characters but tabs, so that other texts are printed as ssh-keygen prints them. */
function printable(text: string): string {
  return text
    .split(/([\\\t])/)
    .map((part, index) => (index % 2 === 1 ? part : escapeText(part)))
    .join("");
}
