import type { KeyFileLimits } from "@nacre/keyfiles";
import { base64Encode, SshError } from "@nacre/wire";
import { type Ssh2Error, ssh2Error } from "../errors.ts";

/** Options of the readers of key files. */
export interface KeyFileOptions {
  /** `undefined` if the caller gave none. */
  readonly passphrase: Uint8Array | undefined;
  readonly limits: Partial<KeyFileLimits>;
}

/** Text in which ssh2 says that a file is invalid. An error of {@link withSsh2Errors} has it. */
export class KeyTextError extends Error {}

/** Returns the bytes of base64. Skips all other characters, as ssh2 does: keys in variables and documents have blanks and indents. */
export function looseBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}

/** Returns a PEM block with canonical lines. */
export function pemOf(label: string, body: Uint8Array): string {
  const lines = base64Encode(body).match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

/**
 * Runs `read` and converts its errors to ssh2's texts; Nacre's error is the `cause`. Errors about weak RSA keys keep Nacre's text, because
 * ssh2 accepts such keys.
 */
export function withSsh2Errors<T>(read: () => T, words: (code: SshError["code"]) => string): T | Ssh2Error {
  try {
    return read();
  } catch (error) {
    if (error instanceof KeyTextError) return ssh2Error(error.message);
    if (!(error instanceof SshError)) throw error;
    return ssh2Error(error.code === "key-weak" ? error.message : words(error.code), { cause: error });
  }
}

/** Runs a generator to its end without yielding. */
export function runToEnd<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
