import { type PublicKey, parsePublicKey } from "@nacre/keys/internal";
import { base64Decode, equalBytes, escapeText, Reader, SshError, utf8Decode, Writer } from "@nacre/wire";

/** The format of the key, and of its authorized_keys line (OpenSSH PROTOCOL.u2f). */
const FORMAT = "sk-ecdsa-sha2-nistp256@openssh.com";
/** What it signs with: WebAuthn wraps the data in JSON, so that this is not the key format's own algorithm. */
export const WEBAUTHN_ALGORITHM = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
const CURVE = "nistp256";

/** A passkey's public key, and the relying party it belongs to. */
export interface PasskeyPublicKey {
  readonly publicKey: PublicKey;
  /** The domain in the key, which OpenSSH calls the application. */
  readonly rpId: string;
}

/** Makes the key of an uncompressed point on P-256 and a relying party. Throws `key-malformed` for an invalid point. */
export function passkeyPublicKey(point: Uint8Array, rpId: string): PasskeyPublicKey {
  const inner = new Writer().string(`ecdsa-sha2-${CURVE}`).string(CURVE).string(point).finish();
  const { bits } = parsePublicKey(inner);
  const blob = new Writer().string(FORMAT).string(CURVE).string(point).string(rpId).finish();
  return { publicKey: { format: FORMAT, blob, bits, algorithms: [{ name: WEBAUTHN_ALGORITHM }] }, rpId };
}

/** Reads the line that `authorizedKeysLine` writes; a comment is ignored. Throws `key-malformed`, or `key-unsupported` for another format. */
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
