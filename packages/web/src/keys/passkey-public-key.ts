import { type PublicKey, skEcdsaNistp256Format } from "@nacre/keys/internal";
import { base64Decode, copyBytes, escapeText, Reader, SshError, utf8Decode, Writer } from "@nacre/wire";

/** Format of the key and of its authorized_keys line (OpenSSH PROTOCOL.u2f). */
const FORMAT = "sk-ecdsa-sha2-nistp256@openssh.com";
/** Signature algorithm of passkeys. It differs from the key format's own algorithm, because WebAuthn wraps the data in JSON. */
export const WEBAUTHN_ALGORITHM = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";

/** A passkey's public key and its relying party. */
export interface PasskeyPublicKey {
  readonly publicKey: PublicKey;
  /** Domain in the key. OpenSSH calls it the application. */
  readonly rpId: string;
}

/** Builds the public key from an uncompressed P-256 point and a relying party. Throws `key-malformed` if the point is invalid. */
export function passkeyPublicKey(point: Uint8Array, rpId: string): PasskeyPublicKey {
  return passkeyOf(new Writer().string(FORMAT).string("nistp256").string(point).string(rpId).finish());
}

/** Parses a line from `authorizedKeysLine` and ignores its comment. Throws `key-malformed`, or `key-unsupported` for another key format. */
export function parsePasskeyLine(line: string): PasskeyPublicKey {
  const [, format, base64 = ""] = /^(\S+) (\S+)(?: .*)?$/.exec(line) ?? [];
  if (format !== undefined && format !== FORMAT)
    throw new SshError(
      "key-unsupported",
      `expected a passkey's public key of the format ${FORMAT}, got ${escapeText(format.slice(0, 64))}`,
    );
  const blob = base64Decode(base64);
  if (format === undefined || blob === undefined)
    throw new SshError("key-malformed", `a passkey's public key is a line: ${FORMAT} and its base64`);
  return passkeyOf(blob);
}

function passkeyOf(blob: Uint8Array): PasskeyPublicKey {
  const bits = skEcdsaNistp256Format.check(blob);
  const reader = new Reader(blob, "passkey");
  for (const field of ["format", "curve", "public point"]) reader.string(field);
  const rpId = utf8Decode(reader.string("application"));
  if (rpId === undefined) throw new SshError("key-malformed", "the passkey's application is not UTF-8");
  const algorithms = [{ name: WEBAUTHN_ALGORITHM, signatureName: WEBAUTHN_ALGORITHM }];
  return { publicKey: { format: FORMAT, blob: copyBytes(blob), bits, algorithms }, rpId };
}
