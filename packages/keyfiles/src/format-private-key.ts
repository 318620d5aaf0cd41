import type { PrivateKey } from "@nacre/keys";
import { type RandomSource, SshError } from "@nacre/wire";
import { writeDekInfo } from "./dek-info.ts";
import { writePkcs8, writeTraditional } from "./key-der.ts";
import { writeOpensshKey } from "./openssh-key.ts";
import { writePbes2 } from "./pbes2.ts";
import { formatPem } from "./pem.ts";
import { type PrivateKeyFormat, passphraseBytes } from "./private-key-file.ts";

/** Options of {@link formatPrivateKey}. */
export interface FormatPrivateKeyOptions {
  /**
   * - `"openssh"`: the default of OpenSSH and Nacre, and the only format with a comment;
   * - `"pkcs8"`: for other programs;
   * - `"pem"`: PKCS#1 for RSA and SEC1 for ECDSA, not for Ed25519. Passphrases can be guessed fast: one MD5 makes the key.
   *
   * For PuTTY's format there is `formatPpk`.
   */
  readonly format: Exclude<PrivateKeyFormat, "ppk">;
  /** Passphrase to encrypt the key with; a text counts as its UTF-8 bytes. `""` means no encryption, like `ssh-keygen -N ""`. */
  readonly passphrase?: string | Uint8Array | undefined;
  /** Comment, at most 1,024 characters. For `"openssh"` only. */
  readonly comment?: string | undefined;
  /**
   * Cost of one passphrase guess: bcrypt rounds for `"openssh"` (default 24, as ssh-keygen), PBKDF2 iterations for `"pkcs8"` (600,000).
   * Unused for `"pem"`.
   */
  readonly rounds?: number | undefined;
  /**
   * Cipher for `"openssh"` with a passphrase, by its name in `ssh -Q cipher`: AES, or chacha20-poly1305@openssh.com. Default
   * `"aes256-ctr"`. Unused for other formats.
   */
  readonly cipher?: string | undefined;
  /** Random source for check integers, salts and IVs. */
  readonly random: RandomSource;
}

const BCRYPT_ROUNDS = 24;
const PBKDF2_ITERATIONS = 600_000;

/**
 * Returns the text of a private key file, with a final newline. Yields every few milliseconds. Throws `usage` for invalid or conflicting
 * options.
 */
export function* formatPrivateKey(key: PrivateKey, options: FormatPrivateKeyOptions): Generator<void, string> {
  const { format, passphrase = "", comment = "", cipher = "aes256-ctr", random } = options;
  const rounds = options.rounds ?? (format === "openssh" ? BCRYPT_ROUNDS : PBKDF2_ITERATIONS);
  if (!(Number.isInteger(rounds) && rounds >= 1 && rounds <= 0xffff_ffff))
    throw new SshError("usage", `\`rounds\` must be an integer from 1 to 4294967295, got ${rounds}`);
  if (comment.length > 1024)
    throw new SshError("usage", `\`comment\` has ${comment.length} characters, but the maximum is 1024`);
  if (comment !== "" && format !== "openssh")
    throw new SshError("usage", `format ${format} does not support a comment; use format openssh or omit \`comment\``);
  const encryption = passphrase.length === 0 ? undefined : { passphrase: passphraseBytes(passphrase), rounds };
  switch (format) {
    case "openssh": {
      const body = yield* writeOpensshKey(key, comment, random, encryption && { ...encryption, cipher });
      return formatPem("OPENSSH PRIVATE KEY", body, 70);
    }
    case "pkcs8": {
      const body = writePkcs8(key.fields);
      if (encryption === undefined) return formatPem("PRIVATE KEY", body, 64);
      const sealed = yield* writePbes2(body, encryption.passphrase, rounds, random);
      return formatPem("ENCRYPTED PRIVATE KEY", sealed, 64);
    }
    case "pem": {
      const traditional = writeTraditional(key.fields);
      if (traditional === undefined)
        throw new SshError("usage", "format pem does not support Ed25519 keys; use format openssh or pkcs8");
      if (encryption === undefined) return formatPem(traditional.label, traditional.body, 64);
      const { headers, body } = writeDekInfo(traditional.body, encryption.passphrase, random);
      return formatPem(traditional.label, body, 64, headers);
    }
    default:
      throw new SshError("usage", `unknown \`format\` ${String(format satisfies never)}; \`formatPpk\` writes PPK`);
  }
}
