import { openPrivateKeyWith, ppkFiles, type UnlockedKey } from "@nacre/keyfiles";
import { nodePrivateKey } from "@nacre/node";
import type { Ssh2Error } from "../errors.ts";
import { type KeyFileOptions, KeyTextError, runToEnd, withSsh2Errors } from "./key-text.ts";

/** Opens a text in PuTTY's format for private keys (PPK 2 and 3); `undefined` if it is in another one. */
export function openPpkFile(text: string, { passphrase, limits }: KeyFileOptions): UnlockedKey | Ssh2Error | undefined {
  if (!text.startsWith("PuTTY-User-Key-File-")) return undefined;
  let isEncrypted = false;
  return withSsh2Errors(
    () => {
      const file = openPrivateKeyWith([ppkFiles], text, limits, nodePrivateKey);
      if (!file.encrypted) return file;
      isEncrypted = true;
      if (passphrase === undefined)
        throw new KeyTextError("Encrypted PPK private key detected, but no passphrase given");
      return runToEnd(file.decrypt(passphrase));
    },
    (code) => {
      // ssh2 finds no file of PuTTY in a text with other lines.
      if (code === "file-malformed" || code === "key-unsupported") return "Unsupported key format";
      return `PPK private key integrity check failed${isEncrypted ? " -- bad passphrase?" : ""}`;
    },
  );
}
