import { RSA_BITS } from "@nacre/keys/internal";
import { type LimitTable, limitTable, MAX_UINT32, SshError } from "@nacre/wire";

/** Limits on the cost of opening a private key file. A file beyond a limit is rejected before any work is done. */
export interface KeyFileLimits {
  /** File size in bytes; default 1 MiB, as in OpenSSH. */
  readonly maxFileSize: number;
  /** Rounds of bcrypt-pbkdf; default 1,024, which takes about 12 seconds, in slices. `ssh-keygen` uses 24 by default. */
  readonly maxBcryptRounds: number;
  /** Iterations of PBKDF2; default 10,000,000. OpenSSL uses 2,048 by default. */
  readonly maxPbkdf2Iterations: number;
  /** Memory for scrypt in bytes; default 128 MiB. Files from OpenSSL use 16 MiB. */
  readonly maxScryptMemory: number;
  /**
   * Memory for Argon2 in bytes, times its passes; default 1 GiB, which takes about 10 seconds, in slices. PuTTY uses 8 MiB and 8 to 34
   * passes.
   */
  readonly maxArgon2Work: number;
  /** Least size of an RSA key in bits, from 1,024; default 2,048. */
  readonly minRsaBits: number;
}

/** Ranges and defaults of {@link KeyFileLimits}. */
export const KEY_FILE_LIMITS: LimitTable<KeyFileLimits> = /* @__PURE__ */ limitTable<KeyFileLimits>({
  maxFileSize: { default: 1024 * 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
  maxBcryptRounds: { default: 1024, least: 1, most: MAX_UINT32, unit: "rounds" },
  maxPbkdf2Iterations: { default: 10_000_000, least: 1, most: Number.MAX_SAFE_INTEGER, unit: "iterations" },
  maxScryptMemory: { default: 128 * 1024 * 1024, least: 1, most: Number.MAX_SAFE_INTEGER, unit: "bytes" },
  maxArgon2Work: { default: 1024 ** 3, least: 1, most: Number.MAX_SAFE_INTEGER, unit: "bytes" },
  minRsaBits: RSA_BITS,
});

/** Returns the error for a file that exceeds `limit`. `what` describes the cost; `most` is the limit's value. */
export function overLimit(what: string, limit: keyof KeyFileLimits, most: number): SshError {
  return new SshError(
    "key-unsupported",
    `the key file requires ${what}, but the maximum is ${most} (\`${limit}\`); raise it if you trust the file, or re-encrypt the file with \`ssh-keygen -p\``,
  );
}
