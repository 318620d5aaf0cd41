import type { CommentedPublicKey, UnlockedKey } from "@nacre/keyfiles";
import type { PrivateKey, PublicKey } from "@nacre/keys/internal";
import type { KeyFileOptions } from "./key-text.ts";
import { openOpensshFile } from "./openssh-file.ts";
import { openPemFile, openPkcs8File } from "./pem-file.ts";
import { openPpkFile } from "./ppk-file.ts";
import { parseBlob, parsePublicLine, parseRfc4716 } from "./public-file.ts";
import { minRsaBits, warnIfShort } from "./rsa-size.ts";

/** Content of a key file. */
export interface KeyContent {
  readonly publicKey: PublicKey;
  readonly privateKey?: PrivateKey | undefined;
  /** Comment in the file; `""` if it has none. Untrusted: escape it before display. */
  readonly comment: string;
}

const UNSUPPORTED = "Unsupported key format";

/** Reads a key like `parseKey`. */
export function readKey(data: unknown, passphrase?: unknown): KeyContent | Error {
  if (typeof data !== "string" && !Buffer.isBuffer(data)) return new Error("Key data must be a Buffer or string");
  if (passphrase != null && typeof passphrase !== "string" && !Buffer.isBuffer(passphrase))
    return new Error("Passphrase must be a string or Buffer when supplied");
  try {
    const options: KeyFileOptions = {
      passphrase: passphrase == null ? undefined : new Uint8Array(Buffer.from(passphrase as Buffer)),
      limits: { minRsaBits: minRsaBits() },
    };
    const found = find(data, options) ?? new Error(UNSUPPORTED);
    if (found instanceof Error || !("privateKey" in found)) return found;
    const { privateKey, comment } = found;
    warnIfShort(privateKey.publicKey, "private key");
    return { publicKey: privateKey.publicKey, privateKey, comment };
  } catch (error) {
    return error as Error;
  }
}

/** Reads a public key blob. */
export function readBlob(blob: Uint8Array): KeyContent | Error {
  return parseBlob(blob, { passphrase: undefined, limits: { minRsaBits: minRsaBits() } }) ?? new Error(UNSUPPORTED);
}

function find(data: string | Buffer, options: KeyFileOptions): UnlockedKey | CommentedPublicKey | Error | undefined {
  const text = data.toString().trim();
  return (
    openOpensshFile(text, options) ??
    openPemFile(text, options) ??
    openPkcs8File(text, options) ??
    openPpkFile(text, options) ??
    parsePublicLine(text, options) ??
    parseRfc4716(text, options) ??
    (typeof data === "string" ? undefined : parseBlob(new Uint8Array(data), options))
  );
}
