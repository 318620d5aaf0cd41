import type { PrivateKey } from "@nacre/keys";
import { type RandomSource, SshError, utf8Encode } from "@nacre/wire";
import { writePkcs8, writeTraditional } from "./key-der.ts";
import { writeOpensshKey } from "./openssh-key.ts";
import { writePbes2 } from "./pbes2.ts";
import { formatPem } from "./pem.ts";
import type { PrivateKeyFormat } from "./private-key-file.ts";

/** How a private key file is to be written. */
export interface FormatPrivateKeyOptions {
  /**
   * - `"openssh"`: what OpenSSH and Nacre write by default, the only one with a comment;
   * - `"pkcs8"`: for other programs;
   * - `"pem"`: PKCS#1 for RSA and SEC1 for ECDSA; no passphrase, as its way to encrypt is weak, and no Ed25519.
   */
  readonly format: PrivateKeyFormat;
  /** Encrypts the key. `""` is as good as none, like `ssh-keygen -N ""`. */
  readonly passphrase?: string | undefined;
  /** For `"openssh"` only; at most 1,024 characters. */
  readonly comment?: string | undefined;
  /** What each guess at the passphrase costs: rounds of bcrypt (`"openssh"`; default 24, as ssh-keygen) or iterations of PBKDF2 (`"pkcs8"`; default 600,000). */
  readonly rounds?: number | undefined;
  /** Gives check ints, salts and IVs. */
  readonly random: RandomSource;
}

const BCRYPT_ROUNDS = 24;
const PBKDF2_ITERATIONS = 600_000;

/** A private key file as text, with a final newline, in steps of a few milliseconds. Throws `usage` for options that do not go together. */
export function* formatPrivateKey(key: PrivateKey, options: FormatPrivateKeyOptions): Generator<void, string> {
  const { format, passphrase = "", comment = "", random } = options;
  const rounds = options.rounds ?? (format === "openssh" ? BCRYPT_ROUNDS : PBKDF2_ITERATIONS);
  if (!(Number.isInteger(rounds) && rounds >= 1 && rounds <= 0xffff_ffff))
    throw new SshError("usage", `rounds must be a whole number from 1, not ${rounds}`);
  if (comment.length > 1024)
    throw new SshError("usage", `a comment of ${comment.length} characters is too long; 1024 are allowed`);
  if (comment !== "" && format !== "openssh")
    throw new SshError("usage", `a key file of format ${format} holds no comment`);
  const encryption = passphrase === "" ? undefined : { passphrase, rounds };
  switch (format) {
    case "openssh":
      return formatPem("OPENSSH PRIVATE KEY", yield* writeOpensshKey(key, comment, random, encryption), 70);
    case "pkcs8": {
      const body = writePkcs8(key.fields);
      if (encryption === undefined) return formatPem("PRIVATE KEY", body, 64);
      const sealed = yield* writePbes2(body, utf8Encode(passphrase), rounds, random);
      return formatPem("ENCRYPTED PRIVATE KEY", sealed, 64);
    }
    case "pem": {
      if (encryption !== undefined)
        throw new SshError("usage", "PEM's own encryption is weak and is not written: use the format openssh or pkcs8");
      const traditional = writeTraditional(key.fields);
      if (traditional === undefined)
        throw new SshError("usage", "an Ed25519 key has no PEM form of its own: use the format openssh or pkcs8");
      return formatPem(traditional.label, traditional.body, 64);
    }
  }
}
