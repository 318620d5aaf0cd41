import { openPrivateKeyWith, type UnlockedKey } from "@nacre/keyfiles";
import { nodePrivateKey } from "@nacre/node";
import { escapeText, Reader, utf8DecodeLossy } from "@nacre/wire";
import type { Ssh2Error } from "../errors.ts";
import { type KeyFileOptions, KeyTextError, looseBase64, pemOf, runToEnd, withSsh2Errors } from "./key-text.ts";

const FILE = /^-----BEGIN OPENSSH PRIVATE KEY-----\r?\n([\s\S]+)\r?\n-----END OPENSSH PRIVATE KEY-----$/;
const MAGIC = "openssh-key-v1\0";
/** Length of the magic string and of four empty fields, in bytes. A shorter file is malformed. */
const LEAST_LENGTH = 31;
const MALFORMED = "Malformed OpenSSH private key";

/** Ciphers of encrypted files. */
export const FILE_CIPHERS: readonly string[] = [
  "aes128-ctr",
  "aes192-ctr",
  "aes256-ctr",
  "aes128-cbc",
  "aes192-cbc",
  "aes256-cbc",
  "aes128-gcm@openssh.com",
  "aes256-gcm@openssh.com",
  "chacha20-poly1305@openssh.com",
];

/** Those that authenticate the file. ssh2 reports a wrong passphrase in OpenSSL's words there. */
const AEAD = /gcm|poly1305/;

/** Opens a text in OpenSSH's format for private keys (PROTOCOL.key); `undefined` if it is in another one. */
export function openOpensshFile(text: string, options: KeyFileOptions): UnlockedKey | Ssh2Error | undefined {
  const [, base64] = FILE.exec(text) ?? [];
  if (base64 === undefined) return undefined;
  const body = looseBase64(base64);
  let head: Head | undefined;
  return withSsh2Errors(
    () => {
      head = readHead(body, options.passphrase);
      const file = openPrivateKeyWith([], pemOf("OPENSSH PRIVATE KEY", body), options.limits, nodePrivateKey);
      return file.encrypted ? runToEnd(file.decrypt(options.passphrase!)) : file;
    },
    (code) => {
      if (code === "passphrase-needed") return "Failed to generate information to decrypt key";
      if (code === "passphrase-wrong")
        return AEAD.test(head!.cipher)
          ? "Unsupported state or unable to authenticate data"
          : "OpenSSH key integrity check failed -- bad passphrase?";
      return code === "key-unsupported" && head !== undefined
        ? `Unsupported OpenSSH private key type: ${escapeText(head.type)}`
        : MALFORMED;
    },
  );
}

interface Head {
  readonly cipher: string;
  /** Format of the key. */
  readonly type: string;
}

/** Reads the unencrypted head in ssh2's order of checks. Throws ssh2's texts, or `SshError` for a file that is cut off. */
function readHead(body: Uint8Array, passphrase: Uint8Array | undefined): Head {
  if (body.length < LEAST_LENGTH) throw new KeyTextError(MALFORMED);
  const magic = utf8DecodeLossy(body.subarray(0, MAGIC.length));
  if (magic !== MAGIC) throw new KeyTextError(`Unsupported OpenSSH key magic: ${escapeText(magic)}`);
  const reader = new Reader(body, "key file", { code: "file-malformed", offset: MAGIC.length });
  const cipher = reader.text("cipher");
  if (cipher !== "none" && !FILE_CIPHERS.includes(cipher))
    throw new KeyTextError(`Unsupported cipher for OpenSSH key: ${escapeText(cipher)}`);
  const kdf = reader.text("kdf");
  if ((kdf === "none") !== (cipher === "none")) throw new KeyTextError(MALFORMED);
  if (kdf !== "none" && kdf !== "bcrypt")
    throw new KeyTextError(`Unsupported kdf name for OpenSSH key: ${escapeText(kdf)}`);
  if (kdf !== "none" && passphrase === undefined)
    throw new KeyTextError("Encrypted private OpenSSH key detected, but no passphrase given");
  reader.string("kdf options");
  if (reader.uint32("number of keys") !== 1) throw new KeyTextError(MALFORMED);
  const type = new Reader(reader.string("public key"), "public key", { code: "file-malformed" }).text("format");
  const privatePart = new Reader(reader.string("private keys"), "private keys", { code: "file-malformed" });
  if (cipher === "none" && privatePart.uint32("check") !== privatePart.uint32("check"))
    throw new KeyTextError("OpenSSH key integrity check failed");
  return { cipher, type };
}
