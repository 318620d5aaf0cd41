import { type Bytes, base64Encode, concatBytes, equalBytes, Reader, utf8Decode, utf8Encode, Writer } from "@nacre/wire";
import { ecdsaNistp256Format } from "./ecdsa-format.ts";
import { ed25519Format } from "./ed25519-format.ts";
import type { SignatureAlgorithm, SignatureFacts } from "./key.ts";
import { type KeyFormat, keyReader } from "./key-format.ts";
import { wellFormed } from "./signature.ts";

/*
 * Keys on FIDO tokens, and passkeys (OpenSSH PROTOCOL.u2f). Each is a plain key with an application, and its signature covers more than the
 * data. So a format and an algorithm are made of the plain ones.
 */

/** Flags of a signature (WebAuthn §6.1). */
export const SIGNATURE_FLAGS = { userPresent: 0x01, userVerified: 0x04, attested: 0x40, extended: 0x80 } as const;

/** Ed25519 keys on tokens. */
export const skEd25519Format: KeyFormat = /* @__PURE__ */ securityKeyFormat(
  "sk-ssh-ed25519@openssh.com",
  ed25519Format,
);
/** ECDSA keys on tokens, on P-256; passkeys are such keys, too. */
export const skEcdsaNistp256Format: KeyFormat = /* @__PURE__ */ securityKeyFormat(
  "sk-ecdsa-sha2-nistp256@openssh.com",
  ecdsaNistp256Format,
);

function securityKeyFormat(name: string, plain: KeyFormat): KeyFormat {
  return {
    name,
    label: `${plain.label}-SK`,
    sshfp: undefined,
    algorithms: [{ name, signatureName: name }],
    publicFields: [...plain.publicFields, undefined],
    check: (blob) => plain.check(readSecurityKey(blob, name, plain).plainBlob),
    secret: undefined,
  };
}

/** Splits a blob into that of the plain key, and the application. Throws `key-malformed`. */
function readSecurityKey(
  blob: Uint8Array,
  name: string,
  plain: KeyFormat,
): { readonly plainBlob: Bytes; readonly application: Uint8Array } {
  const reader = keyReader(blob, name);
  const plainBlob = new Writer(blob.length).string(plain.name);
  for (const _field of plain.publicFields) plainBlob.string(reader.string("public key"));
  const application = reader.string("application");
  if (application.includes(0)) reader.fail("application", "contains a NUL character");
  reader.end();
  return { plainBlob: plainBlob.finish(), application };
}

/** What a security key adds to a signature: it signs `signedBytes` in the place of the data. */
interface Assertion {
  /** Signature of the plain algorithm. */
  readonly signature: Uint8Array;
  readonly facts: SignatureFacts;
  /** `flags` to the end of the extensions. */
  readonly authenticatorData: Uint8Array;
  /** The message whose hash is signed. */
  readonly message: Uint8Array;
}

/**
 * Returns the algorithm of a security key over that of its plain key. A signature is valid whether or not the user touched the key: the
 * caller decides by its `flags`.
 */
export function securityKeyAlgorithm(
  format: KeyFormat,
  plain: { readonly format: KeyFormat; readonly algorithm: SignatureAlgorithm },
  sha256: (data: Uint8Array) => Uint8Array,
): SignatureAlgorithm {
  return assertionAlgorithm(format.name, format, plain, sha256, (reader, data) => {
    const signature = reader.string("signature");
    const { facts, bytes } = readFlags(reader);
    return { signature, facts, authenticatorData: bytes, message: data };
  });
}

/** Returns the algorithm of a passkey: the browser wraps the data in JSON, which the key signs (OpenSSH PROTOCOL.u2f, WebAuthn §6.3.3). */
export function webauthnAlgorithm(
  algorithm: SignatureAlgorithm,
  sha256: (data: Uint8Array) => Uint8Array,
): SignatureAlgorithm {
  const plain = { format: ecdsaNistp256Format, algorithm };
  const name = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
  return assertionAlgorithm(name, skEcdsaNistp256Format, plain, sha256, (reader, data) => {
    const signature = reader.string("signature");
    const { facts, bytes } = readFlags(reader);
    const origin = utf8Decode(reader.string("origin"));
    const clientData = reader.string("clientData");
    const extensions = reader.string("extensions");
    // rule: webauthn-origin
    if (origin === undefined || origin.includes('"')) return undefined;
    const { attested, extended } = SIGNATURE_FLAGS;
    // rule: webauthn-attested
    if ((facts.flags & attested) !== 0) return undefined;
    // rule: webauthn-extensions
    if (((facts.flags & extended) !== 0) !== extensions.length > 0) return undefined;
    const challenge = base64Encode(data).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
    // The start is fixed, so the JSON need not be parsed, and cannot be read in two ways.
    const start = utf8Encode(`{"type":"webauthn.get","challenge":"${challenge}","origin":"${origin}"`);
    // rule: webauthn-client-data
    if (!equalBytes(clientData.subarray(0, start.length), start)) return undefined;
    const authenticatorData = concatBytes(bytes, extensions);
    return { signature, facts: { ...facts, origin }, authenticatorData, message: clientData };
  });
}

function readFlags(reader: Reader): { readonly facts: { flags: number; counter: number }; readonly bytes: Bytes } {
  const flags = reader.byte("flags");
  const counter = reader.uint32("counter");
  return { facts: { flags, counter }, bytes: new Writer(5).byte(flags).uint32(counter).finish() };
}

function assertionAlgorithm(
  name: string,
  format: KeyFormat,
  plain: { readonly format: KeyFormat; readonly algorithm: SignatureAlgorithm },
  sha256: (data: Uint8Array) => Uint8Array,
  read: (reader: Reader, data: Uint8Array) => Assertion | undefined,
): SignatureAlgorithm {
  return {
    name,
    signatureName: name,
    keyFormat: format.name,
    verify(publicKey, data, signature) {
      const { plainBlob, application } = readSecurityKey(publicKey, format.name, plain.format);
      const assertion = wellFormed(() => {
        const reader = new Reader(signature, "signature");
        // rule: security-key-signature-name
        if (reader.name("algorithm") !== name) return undefined;
        const found = read(reader, data);
        // rule: security-key-signature-end
        if (found !== undefined) reader.end();
        return found;
      });
      if (assertion === undefined) {
        plain.format.check(plainBlob);
        return undefined;
      }
      const signed = concatBytes(sha256(application), assertion.authenticatorData, sha256(assertion.message));
      const inner = new Writer().string(plain.algorithm.signatureName).string(assertion.signature).finish();
      return plain.algorithm.verify(plainBlob, signed, inner) && assertion.facts;
    },
  };
}
