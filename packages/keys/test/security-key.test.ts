import { expectError } from "@nacre/testing/errors";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { type Bytes, base64Encode, concatBytes, Reader, utf8Encode, Writer } from "@nacre/wire";
import { sha256 } from "@noble/hashes/sha2.js";
import { expect, test } from "vitest";
import {
  generateEcdsa,
  generateEd25519,
  type PrivateKey,
  parseCertificate,
  parsePublicKey,
  prepareCertificate,
  skEcdsaNistp256,
  skEd25519,
  SIGNATURE_FLAGS,
  webauthnSkEcdsaNistp256,
} from "../src/index.ts";

const random = hashChainRandom("security keys");
const data = utf8Encode("what is signed");
const { userPresent, userVerified, attested, extended } = SIGNATURE_FLAGS;

/** A security key without hardware. */
class Authenticator {
  readonly #key: PrivateKey;
  readonly #name: string;
  readonly blob: Bytes;

  constructor(key: PrivateKey, name: string) {
    this.#key = key;
    this.#name = name;
    this.blob = publicBlob(key, name, "ssh:");
  }

  /** Returns the inner signature over what a key with this application signs. */
  assert(flags: number, message: Uint8Array, extensions: Uint8Array = new Uint8Array(0)): Uint8Array {
    const authenticatorData = new Writer().byte(flags).uint32(5).raw(extensions).finish();
    const signed = concatBytes(sha256(utf8Encode("ssh:")), authenticatorData, sha256(message));
    const reader = new Reader(this.#key.sign(this.#key.publicKey.algorithms[0]!.name, signed, random), "signature");
    reader.string("name");
    return reader.string("signature");
  }

  sign(flags: number = userPresent, changes: { name?: string; message?: Uint8Array; end?: Uint8Array } = {}): Bytes {
    const { name = this.#name, message = data, end = new Uint8Array(0) } = changes;
    return new Writer().string(name).string(this.assert(flags, message)).byte(flags).uint32(5).raw(end).finish();
  }

  signWebauthn(changes: WebauthnChanges = {}): Bytes {
    const { flags = userPresent, origin = "https://example.org", extensions = new Uint8Array(0) } = changes;
    const clientData = utf8Encode(changes.clientData ?? clientDataOf(origin));
    return new Writer()
      .string("webauthn-sk-ecdsa-sha2-nistp256@openssh.com")
      .string(this.assert(flags, clientData, extensions))
      .byte(flags)
      .uint32(5)
      .string(origin)
      .string(clientData)
      .string(extensions)
      .raw(changes.end ?? new Uint8Array(0))
      .finish();
  }
}

interface WebauthnChanges {
  readonly flags?: number;
  readonly origin?: string;
  readonly extensions?: Uint8Array;
  readonly clientData?: string;
  readonly end?: Uint8Array;
}

function publicBlob({ publicKey }: PrivateKey, name: string, application: string | Uint8Array): Bytes {
  const reader = new Reader(publicKey.blob, "key");
  reader.string("format");
  return new Writer().string(name).raw(reader.rest()).string(application).finish();
}

const base64url = (bytes: Uint8Array): string =>
  base64Encode(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

function clientDataOf(origin: string, challenge = base64url(data)): string {
  return `{"type":"webauthn.get","challenge":"${challenge}","origin":"${origin}","crossOrigin":false}`;
}

const p256 = generateEcdsa("nistp256", random);
const KINDS = [
  { algorithm: skEd25519, authenticator: new Authenticator(generateEd25519(random), skEd25519.name) },
  { algorithm: skEcdsaNistp256, authenticator: new Authenticator(p256, skEcdsaNistp256.name) },
];
const passkey = new Authenticator(p256, skEcdsaNistp256.name);
const webauthn = (changes?: WebauthnChanges) =>
  webauthnSkEcdsaNistp256.verify(passkey.blob, data, passkey.signWebauthn(changes));

test("a security key's signature tells its flags and counter, which are not judged", () => {
  for (const { algorithm, authenticator } of KINDS)
    for (const flags of [0, userPresent, userVerified, userPresent | userVerified, attested, extended])
      expect(algorithm.verify(authenticator.blob, data, authenticator.sign(flags))).toEqual({ flags, counter: 5 });
});

test("a security key's signature has its own name, of the key and the algorithm", () => {
  for (const { algorithm, authenticator } of KINDS) {
    const verify = (name: string) => algorithm.verify(authenticator.blob, data, authenticator.sign(userPresent, { name }));
    for (const name of ["ssh-ed25519", "ecdsa-sha2-nistp256", webauthnSkEcdsaNistp256.name, "", algorithm.name.slice(1)])
      expect(verify(name), name).toBeUndefined();
    const certified = algorithm.name.replace("@", "-cert-v01@");
    expect(verify(certified)).toBeUndefined();
  }
  expect(webauthnSkEcdsaNistp256.verify(passkey.blob, data, passkey.sign())).toBeUndefined();
  expect(skEcdsaNistp256.verify(passkey.blob, data, passkey.signWebauthn())).toBeUndefined();
});

test("nothing follows the fields of a security key's signature", () => {
  const end = Uint8Array.of(0);
  for (const { algorithm, authenticator } of KINDS) {
    expect(algorithm.verify(authenticator.blob, data, authenticator.sign(userPresent, { end }))).toBeUndefined();
    const whole = authenticator.sign();
    for (let length = 0; length < whole.length; length++)
      expect(algorithm.verify(authenticator.blob, data, whole.subarray(0, length))).toBeUndefined();
  }
  expect(webauthn({ end })).toBeUndefined();
});

test("a security key's signature is over its application, the data and the flags", () => {
  for (const { algorithm, authenticator } of KINDS) {
    expect(algorithm.verify(authenticator.blob, data, authenticator.sign(userPresent, { message: sha256(data) }))).toBe(
      undefined,
    );
    const signature = authenticator.sign(0);
    // The flags stand five bytes before the end.
    signature[signature.length - 5] = userPresent;
    expect(algorithm.verify(authenticator.blob, data, signature)).toBeUndefined();
  }
  const elsewhere = publicBlob(p256, skEcdsaNistp256.name, "ssh:else");
  expect(skEcdsaNistp256.verify(elsewhere, data, passkey.sign())).toBeUndefined();
});

test("a security key's blob has its curve, an application without NUL, and no more", () => {
  expectError("key-malformed", () => parsePublicKey(publicBlob(p256, skEcdsaNistp256.name, "ssh:\0")));
  const p384 = generateEcdsa("nistp384", random);
  expectError("key-malformed", () => parsePublicKey(publicBlob(p384, skEcdsaNistp256.name, "ssh:")));
  expectError("key-malformed", () => skEcdsaNistp256.verify(publicBlob(p384, skEcdsaNistp256.name, ""), data, data));
  expectError("key-malformed", () => parsePublicKey(concatBytes(passkey.blob, Uint8Array.of(0))));
  for (let length = 0; length < passkey.blob.length; length++)
    expectError("key-malformed", () => parsePublicKey(passkey.blob.subarray(0, length)));
  expect(parsePublicKey(passkey.blob)).toMatchObject({ bits: 256, algorithms: [{ name: skEcdsaNistp256.name }] });
});

test("a passkey's signature tells its origin", () => {
  expect(webauthn()).toEqual({ flags: userPresent, counter: 5, origin: "https://example.org" });
  const extensions = Uint8Array.of(0xa0);
  expect(webauthn({ flags: userPresent | extended, extensions })).toMatchObject({ flags: userPresent | extended });
});

test("a passkey's origin has no quotation mark", () => {
  expect(webauthn({ origin: 'https://a.example","origin":"https://b.example' })).toBeUndefined();
});

test("a passkey attests nothing when it signs", () => {
  expect(webauthn({ flags: userPresent | attested })).toBeUndefined();
});

test("a passkey's extensions are there if its flag says so", () => {
  expect(webauthn({ flags: userPresent | extended })).toBeUndefined();
  expect(webauthn({ extensions: Uint8Array.of(0xa0) })).toBeUndefined();
});

test("a passkey's client data begins as the browser writes it", () => {
  const origin = "https://example.org";
  const right = clientDataOf(origin);
  for (const clientData of [
    right.replace("webauthn.get", "webauthn.create"),
    right.replace(":", ": "),
    ` ${right}`,
    clientDataOf(origin, base64Encode(data)),
    clientDataOf(origin, `${base64url(data)}=`),
    clientDataOf(origin, base64url(sha256(data))),
    clientDataOf("https://other.example"),
    `{"challenge":"${base64url(data)}","type":"webauthn.get","origin":"${origin}"}`,
    "",
  ])
    expect(webauthn({ clientData }), clientData).toBeUndefined();
});

test("a security key may be an authority", () => {
  for (const { algorithm, authenticator } of KINDS) {
    const unsigned = prepareCertificate(parsePublicKey(authenticator.blob), {
      publicKey: p256.publicKey,
      type: "user",
      keyId: "id",
      principals: ["alice"],
      validBefore: "forever",
      random,
    });
    expect(unsigned.algorithm).toBe(algorithm.name);
    const blob = unsigned.finish(authenticator.sign(userPresent, { message: unsigned.data }));
    expect(parseCertificate(blob)).toMatchObject({ isVerified: true, signatureAlgorithm: algorithm.name });
  }
});
