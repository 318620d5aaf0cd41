import { type LimitTable, limitTable, MAX_UINT32, SshError } from "@nacre/wire";

/** What a private key file may cost to read. A file that asks for more is refused before anything is spent on it. */
export interface KeyFileLimits {
  /** Bytes of the file. Default 1 MiB, as OpenSSH. */
  readonly maxFileSize: number;
  /** Rounds of bcrypt-pbkdf. Default 1,024: about 12 seconds, in slices. `ssh-keygen` writes 24 unless told otherwise. */
  readonly maxBcryptRounds: number;
  /** Iterations of PBKDF2. Default 10,000,000. OpenSSL writes 2,048 unless told otherwise. */
  readonly maxPbkdf2Iterations: number;
  /** Bytes of memory for scrypt. Default 128 MiB. OpenSSL writes files that take 16 MiB. */
  readonly maxScryptMemory: number;
}

/** Ranges and defaults. */
export const KEY_FILE_LIMITS: LimitTable<KeyFileLimits> = limitTable<KeyFileLimits>({
  maxFileSize: { default: 1024 * 1024, least: 1, most: MAX_UINT32, unit: "bytes" },
  maxBcryptRounds: { default: 1024, least: 1, most: MAX_UINT32, unit: "rounds" },
  maxPbkdf2Iterations: { default: 10_000_000, least: 1, most: Number.MAX_SAFE_INTEGER, unit: "iterations" },
  maxScryptMemory: { default: 128 * 1024 * 1024, least: 1, most: Number.MAX_SAFE_INTEGER, unit: "bytes" },
});

/** The error for a file that asks for more than `limit`, named as in {@link KeyFileLimits}. */
export function overLimit(what: string, limit: keyof KeyFileLimits, most: number): SshError {
  return new SshError(
    "key-unsupported",
    `the key file asks for ${what}, where ${most} are allowed; if you trust it, raise ${limit}, or write it anew with ssh-keygen -p`,
  );
}
