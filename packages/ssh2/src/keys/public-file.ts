import { type CommentedPublicKey, parsePublicKeyFile } from "@nacre/keyfiles";
import { parsePublicKey } from "@nacre/keys/internal";
import { Reader } from "@nacre/wire";
import type { Ssh2Error } from "../errors.ts";
import { type KeyFileOptions, KeyTextError, looseBase64, withSsh2Errors } from "./key-text.ts";

const LINE =
  /^((ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp(?:256|384|521))(?:-cert-v0[01]@openssh\.com)?) ([A-Za-z0-9/+=]+)(?:$|\s+(\S.*)?)$/;
const RFC4716 = /^---- BEGIN SSH2 PUBLIC KEY ----\r?\n(?:.*\r?\n)+---- END SSH2 PUBLIC KEY ----$/;
/** Formats of public keys that ssh2 reads. */
const FORMATS = /^(?:ssh-(?:rsa|ed25519)|ecdsa-sha2-nistp(?:256|384|521))$/;

/** Parses a public key in OpenSSH's line (sshd(8)); `undefined` for another text. */
export function parsePublicLine(text: string, { limits }: KeyFileOptions): CommentedPublicKey | Ssh2Error | undefined {
  const [, format, base, base64, comment = ""] = LINE.exec(text) ?? [];
  if (format === undefined || base64 === undefined) return undefined;
  return withSsh2Errors(
    () => {
      if (base === "ssh-dss") throw new KeyTextError(`Unsupported OpenSSH public key type: ${base}`);
      const blob = looseBase64(base64);
      if (new Reader(blob, "public key").text("format") !== format)
        throw new KeyTextError("Malformed OpenSSH public key");
      return { publicKey: parsePublicKey(blob, limits), comment };
    },
    () => "Malformed OpenSSH public key",
  );
}

/** Parses a public key in RFC 4716; `undefined` for another text. */
export function parseRfc4716(text: string, { limits }: KeyFileOptions): CommentedPublicKey | Ssh2Error | undefined {
  if (!RFC4716.test(text)) return undefined;
  return withSsh2Errors(
    () => parsePublicKeyFile(text, limits),
    () => "Malformed RFC4716 public key",
  );
}

/** Parses a public key blob (RFC 4253 §6.6). `undefined` for other bytes, also for a certificate, as in ssh2. */
export function parseBlob(bytes: Uint8Array, { limits }: KeyFileOptions): CommentedPublicKey | Ssh2Error | undefined {
  const parsed = withSsh2Errors(
    () => {
      const publicKey = parsePublicKey(bytes, limits);
      return FORMATS.test(publicKey.format) ? { publicKey, comment: "" } : undefined;
    },
    () => "",
  );
  return parsed instanceof Error && parsed.message === "" ? undefined : parsed;
}
