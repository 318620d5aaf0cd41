import { type PublicKey, parsePublicKey } from "@nacre/keys/internal";
import { base64Decode, equalBytes, escapeText, Reader, SshError, utf8Decode, Writer } from "@nacre/wire";

/** Format of the key and of its authorized_keys line (OpenSSH PROTOCOL.u2f). */
const FORMAT = "sk-ecdsa-sha2-nistp256@openssh.com";
/** Signature algorithm of passkeys. It differs from the key format's own algorithm, because WebAuthn wraps the data in JSON. */
export const WEBAUTHN_ALGORITHM = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
const CURVE = "nistp256";

/** A passkey's public key and its relying party. */
export interface PasskeyPublicKey {
  readonly publicKey: PublicKey;
  /** Domain in the key. OpenSSH calls it the application. */
  readonly rpId: string;
}

/** Builds the public key from an uncompressed P-256 point and a relying party. Throws `key-malformed` if the point is invalid. */
export function passkeyPublicKey(point: Uint8Array, rpId: string): PasskeyPublicKey {
  const inner = new Writer().string(`ecdsa-sha2-${CURVE}`).string(CURVE).string(point).finish();
  const { bits } = parsePublicKey(inner);
  const blob = new Writer().string(FORMAT).string(CURVE).string(point).string(rpId).finish();
  return {
    publicKey: {
      format: FORMAT,
      blob,
      bits,
      algorithms: [{ name: WEBAUTHN_ALGORITHM, signatureName: WEBAUTHN_ALGORITHM }],
    },
    rpId,
  };
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
  const reader = new Reader(blob, "passkey", { code: "key-malformed" });
  reader.string("format");
  reader.string("curve");
  const key = passkeyPublicKey(reader.string("public point"), readText(reader.string("application")));
  reader.end();
  if (!equalBytes(key.publicKey.blob, blob))
    throw new SshError("key-malformed", `the passkey's public key is not one of format ${FORMAT}`);
  return key;
}

function readText(bytes: Uint8Array): string {
  const text = utf8Decode(bytes);
  if (text === undefined) throw new SshError("key-malformed", "the passkey's application is not UTF-8");
  return text;
}
