import type { PrivateKey } from "@nacre/keys";
import { type Bytes, base64Encode, concatBytes, Reader, utf8Encode, Writer } from "@nacre/wire";
import { sha256 } from "@noble/hashes/sha2.js";

/** A flag of a signature (WebAuthn §6.1). */
const USER_PRESENT = 1;
const COUNTER = 5;
const NOTHING = new Uint8Array(0);

/** What is wrong in the signature of a security key. */
export interface SignatureChanges {
  /** Name inside the signature. */
  readonly name?: string;
  /** What is signed in place of the data. */
  readonly message?: Uint8Array;
  /** Bytes behind the last field. */
  readonly end?: Uint8Array;
}

/** What is wrong in the signature of a passkey. */
export interface WebauthnChanges {
  readonly flags?: number;
  readonly origin?: string;
  readonly extensions?: Uint8Array;
  readonly clientData?: string;
  readonly end?: Uint8Array;
}

/** A security key without hardware (OpenSSH PROTOCOL.u2f). It signs anything, also with wrong fields. Its counter is always 5. */
export class Authenticator {
  readonly #key: PrivateKey;
  readonly #name: string;
  readonly #application: string;
  /** Public key blob. */
  readonly blob: Bytes;

  /** `name`: the format of the security key; `key`: the plain key that signs. */
  constructor(key: PrivateKey, name: string, application = "ssh:") {
    this.#key = key;
    this.#name = name;
    this.#application = application;
    this.blob = securityKeyBlob(key, name, application);
  }

  sign(data: Uint8Array, flags: number = USER_PRESENT, changes: SignatureChanges = {}): Bytes {
    const { name = this.#name, message = data, end = NOTHING } = changes;
    const inner = this.#assert(flags, message, NOTHING);
    return new Writer().string(name).string(inner).byte(flags).uint32(COUNTER).raw(end).finish();
  }

  /** Signs as a passkey does in a page. */
  signWebauthn(data: Uint8Array, changes: WebauthnChanges = {}): Bytes {
    const { flags = USER_PRESENT, origin = "https://example.org", extensions = NOTHING, end = NOTHING } = changes;
    const clientData = utf8Encode(changes.clientData ?? clientDataOf(origin, base64url(data)));
    return new Writer()
      .string("webauthn-sk-ecdsa-sha2-nistp256@openssh.com")
      .string(this.#assert(flags, clientData, extensions))
      .byte(flags)
      .uint32(COUNTER)
      .string(origin)
      .string(clientData)
      .string(extensions)
      .raw(end)
      .finish();
  }

  #assert(flags: number, message: Uint8Array, extensions: Uint8Array): Uint8Array {
    const authenticatorData = new Writer().byte(flags).uint32(COUNTER).raw(extensions).finish();
    const signed = concatBytes(sha256(utf8Encode(this.#application)), authenticatorData, sha256(message));
    const { name } = this.#key.publicKey.algorithms[0]!;
    const reader = new Reader(
      this.#key.sign(name, signed, (length) => new Uint8Array(length)),
      "signature",
    );
    reader.string("name");
    return reader.string("signature");
  }
}

/** Returns the blob of a security key over a plain key. */
export function securityKeyBlob({ publicKey }: PrivateKey, name: string, application: string): Bytes {
  const reader = new Reader(publicKey.blob, "key");
  reader.string("format");
  return new Writer().string(name).raw(reader.rest()).string(application).finish();
}

/** Encodes bytes as unpadded base64url. */
export function base64url(bytes: Uint8Array): string {
  return base64Encode(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Returns the text that a browser makes of a challenge (WebAuthn §5.8.1). */
export function clientDataOf(origin: string, challenge: string): string {
  return `{"type":"webauthn.get","challenge":"${challenge}","origin":"${origin}","crossOrigin":false}`;
}
