import { base64Decode, base64Encode, escapeText, MAX_UINT32, SshError, toHex } from "@nacre/wire";
import { ARGON2_KINDS, type Argon2Costs } from "./argon2.ts";

/** Content of PuTTY's private key file, in which `privatePart` may be encrypted. */
export interface PpkText {
  readonly version: 2 | 3;
  /** Key format in the first line. */
  readonly format: string;
  readonly comment: string;
  /** Public key blob. */
  readonly publicPart: Uint8Array;
  readonly encryption: PpkEncryption;
  readonly privatePart: Uint8Array;
  readonly mac: Uint8Array;
}

export type PpkEncryption =
  | { readonly kind: "none" }
  /** Version 2: the key is a hash of the passphrase. */
  | { readonly kind: "sha1" }
  | { readonly kind: "argon2"; readonly costs: Argon2Costs; readonly salt: Uint8Array };

const START = "PuTTY-User-Key-File-";

/**
 * Parses PuTTY's private key file (PuTTY manual, appendix C). A line ends with LF, CRLF or CR. Throws `file-malformed` with the line, and
 * `key-unsupported` for another version, encryption or key derivation.
 */
export function parsePpk(text: string): PpkText {
  const lines = text.trimStart().split(/\r\n|\r|\n/);
  let at = 0;
  const fail = (problem: string): never => {
    throw new SshError("file-malformed", `PPK: line ${at} ${problem}`);
  };
  const header = (name: string): string => {
    const line = lines[at++] ?? fail(`is missing, expected "${name}:"`);
    return new RegExp(`^${name}: ?(.*)$`, "s").exec(line)?.[1] ?? fail(`is not "${name}:"`);
  };
  const number = (name: string): number => {
    const value = header(name);
    if (!/^\d{1,10}$/.test(value) || Number(value) > MAX_UINT32) fail("is not a number of 32 bits");
    return Number(value);
  };
  const base64 = (name: string): Uint8Array => {
    const count = number(name);
    const left = lines.length - at;
    if (count > left) fail(`names ${count} lines, but the file has ${left} more`);
    const block = lines.slice(at, at + count);
    at += count;
    return base64Decode(block.join("")) ?? fail(`ends a block with invalid base64`);
  };
  const hex = (name: string): Uint8Array => {
    const value = header(name);
    if (!/^(?:[0-9a-fA-F]{2})+$/.test(value)) fail("is not hexadecimal");
    return Uint8Array.from(value.match(/../g)!, (digits) => Number.parseInt(digits, 16));
  };

  const declared = /^PuTTY-User-Key-File-(\d+): /.exec(lines[0]!)?.[1];
  if (declared !== "2" && declared !== "3")
    throw unsupported(declared === undefined ? "unknown version" : `version ${declared.slice(0, 10)}`);
  const version = declared === "2" ? 2 : 3;
  const format = header(`${START}${version}`);
  const cipher = header("Encryption");
  if (cipher !== "none" && cipher !== "aes256-cbc") throw unsupported(`encryption ${cipher}`);
  const comment = header("Comment");
  const publicPart = base64("Public-Lines");
  const readEncryption = (): PpkEncryption => {
    if (cipher === "none") return { kind: "none" };
    if (version === 2) return { kind: "sha1" };
    const kind = header("Key-Derivation");
    if (!isArgon2Kind(kind)) throw unsupported(`key derivation ${kind}`);
    const costs = {
      kind,
      memory: number("Argon2-Memory"),
      passes: number("Argon2-Passes"),
      lanes: number("Argon2-Parallelism"),
    };
    if (costs.passes === 0 || costs.lanes === 0 || costs.memory < 8 * costs.lanes)
      fail("ends costs that Argon2 does not allow: no pass, no lane, or less than 8 KiB a lane");
    return { kind: "argon2", costs, salt: hex("Argon2-Salt") };
  };
  const encryption = readEncryption();
  const privatePart = base64("Private-Lines");
  const mac = hex("Private-MAC");
  if (lines.slice(at).some((line) => line.trim() !== "")) fail("is followed by more text");
  if (cipher !== "none" && (privatePart.length === 0 || privatePart.length % 16 !== 0))
    throw new SshError(
      "file-malformed",
      `PPK: encrypted part has ${privatePart.length} bytes, expected a positive multiple of 16`,
    );
  return { version, format, comment, publicPart, encryption, privatePart, mac };
}

function isArgon2Kind(name: string): name is Argon2Costs["kind"] {
  return Object.hasOwn(ARGON2_KINDS, name);
}

function unsupported(what: string): SshError {
  return new SshError(
    "key-unsupported",
    `unsupported PPK file: ${escapeText(what.slice(0, 64))}; convert it with \`puttygen FILE -O private-openssh -o NEW\``,
  );
}

const block = (name: string, bytes: Uint8Array): readonly string[] => {
  const lines = base64Encode(bytes).match(/.{1,64}/g) ?? [];
  return [`${name}: ${lines.length}`, ...lines];
};

/** Formats PuTTY's private key file for {@link parsePpk}, with LF after each line. */
export function printPpk({ version, format, comment, publicPart, encryption, privatePart, mac }: PpkText): string {
  const derivation =
    encryption.kind !== "argon2"
      ? []
      : [
          `Key-Derivation: ${encryption.costs.kind}`,
          `Argon2-Memory: ${encryption.costs.memory}`,
          `Argon2-Passes: ${encryption.costs.passes}`,
          `Argon2-Parallelism: ${encryption.costs.lanes}`,
          `Argon2-Salt: ${toHex(encryption.salt)}`,
        ];
  return [
    `${START}${version}: ${format}`,
    `Encryption: ${cipherOf(encryption)}`,
    `Comment: ${comment}`,
    ...block("Public-Lines", publicPart),
    ...derivation,
    ...block("Private-Lines", privatePart),
    `Private-MAC: ${toHex(mac)}`,
    "",
  ].join("\n");
}

/** Returns the name of the cipher in a file. */
export function cipherOf({ kind }: PpkEncryption): string {
  return kind === "none" ? "none" : "aes256-cbc";
}
