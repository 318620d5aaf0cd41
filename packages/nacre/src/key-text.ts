// The checks of `privateKey`, apart from it: bundles of packages that share them do not carry the key file parser.
import { SshError } from "@nacre/wire";
import { isBytes, usage } from "./check.ts";

/** Throws `usage` unless `text` is a string or bytes. It is often `undefined` because an environment variable is not set. */
export function checkKeyText(text: unknown): void {
  if (typeof text !== "string" && !isBytes(text))
    throw usage(
      "`privateKey` expects the text of a key file as a string or bytes; check that the file or variable was read",
    );
  if (typeof text === "string" && /^-----BEGIN [^\n]*\\n/.test(text.trimStart()))
    throw usage(
      String.raw`the key has the two characters "\n" instead of line breaks; pass text.replaceAll("\\n", "\n")`,
    );
}

/** Returns the error for an encrypted key without a passphrase. */
export function passphraseNeeded(): SshError {
  return new SshError("passphrase-needed", "the private key is encrypted; pass its passphrase");
}
