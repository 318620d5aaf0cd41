import {
  Authenticator,
  base64url,
  clientDataOf,
  securityKeyBlob,
  type WebauthnChanges,
} from "@nacre/testing/authenticator";
import { expectError } from "@nacre/testing/errors";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { base64Encode, concatBytes, utf8Encode } from "@nacre/wire";
import { sha256 } from "@noble/hashes/sha2.js";
import { expect, test } from "vitest";
import {
  generateEcdsa,
  generateEd25519,
  parseCertificate,
  parsePublicKey,
  prepareCertificate,
  SIGNATURE_FLAGS,
  skEcdsaNistp256,
  skEd25519,
  webauthnSkEcdsaNistp256,
} from "../src/index.ts";

const random = hashChainRandom("security keys");
const data = utf8Encode("what is signed");
const { userPresent, userVerified, attested, extended } = SIGNATURE_FLAGS;

const p256 = generateEcdsa("nistp256", random);
const KINDS = [
  { algorithm: skEd25519, authenticator: new Authenticator(generateEd25519(random), skEd25519.name) },
  { algorithm: skEcdsaNistp256, authenticator: new Authenticator(p256, skEcdsaNistp256.name) },
];
const passkey = new Authenticator(p256, skEcdsaNistp256.name);
const webauthn = (changes?: WebauthnChanges) =>
  webauthnSkEcdsaNistp256.verify(passkey.blob, data, passkey.signWebauthn(data, changes));

test("a security key's signature is valid with any flags, and returns them with its counter", () => {
  for (const { algorithm, authenticator } of KINDS)
    for (const flags of [0, userPresent, userVerified, userPresent | userVerified, attested, extended])
      expect(algorithm.verify(authenticator.blob, data, authenticator.sign(data, flags))).toEqual({
        flags,
        counter: 5,
      });
});

test("a security key's signature has its own name, of the key and the algorithm", () => {
  for (const { algorithm, authenticator } of KINDS) {
    const verify = (name: string) =>
      algorithm.verify(authenticator.blob, data, authenticator.sign(data, userPresent, { name }));
    for (const name of [
      "ssh-ed25519",
      "ecdsa-sha2-nistp256",
      webauthnSkEcdsaNistp256.name,
      "",
      algorithm.name.slice(1),
    ])
      expect(verify(name), name).toBeUndefined();
    const certified = algorithm.name.replace("@", "-cert-v01@");
    expect(verify(certified)).toBeUndefined();
  }
  expect(webauthnSkEcdsaNistp256.verify(passkey.blob, data, passkey.sign(data))).toBeUndefined();
  expect(skEcdsaNistp256.verify(passkey.blob, data, passkey.signWebauthn(data))).toBeUndefined();
});

test("nothing follows the fields of a security key's signature", () => {
  const end = Uint8Array.of(0);
  for (const { algorithm, authenticator } of KINDS) {
    expect(algorithm.verify(authenticator.blob, data, authenticator.sign(data, userPresent, { end }))).toBeUndefined();
    const whole = authenticator.sign(data);
    for (let length = 0; length < whole.length; length++)
      expect(algorithm.verify(authenticator.blob, data, whole.subarray(0, length))).toBeUndefined();
  }
  expect(webauthn({ end })).toBeUndefined();
});

test("a security key's signature is over its application, the data and the flags", () => {
  for (const { algorithm, authenticator } of KINDS) {
    expect(
      algorithm.verify(authenticator.blob, data, authenticator.sign(data, userPresent, { message: sha256(data) })),
    ).toBe(undefined);
    const signature = authenticator.sign(data, 0);
    // The flags stand five bytes before the end.
    signature[signature.length - 5] = userPresent;
    expect(algorithm.verify(authenticator.blob, data, signature)).toBeUndefined();
  }
  const elsewhere = securityKeyBlob(p256, skEcdsaNistp256.name, "ssh:else");
  expect(skEcdsaNistp256.verify(elsewhere, data, passkey.sign(data))).toBeUndefined();
});

test("a security key's blob has its curve, an application without NUL, and no more", () => {
  expectError("key-malformed", () => parsePublicKey(securityKeyBlob(p256, skEcdsaNistp256.name, "ssh:\0")));
  const p384 = generateEcdsa("nistp384", random);
  expectError("key-malformed", () => parsePublicKey(securityKeyBlob(p384, skEcdsaNistp256.name, "ssh:")));
  expectError("key-malformed", () =>
    skEcdsaNistp256.verify(securityKeyBlob(p384, skEcdsaNistp256.name, ""), data, data),
  );
  expectError("key-malformed", () => parsePublicKey(concatBytes(passkey.blob, Uint8Array.of(0))));
  for (let length = 0; length < passkey.blob.length; length++)
    expectError("key-malformed", () => parsePublicKey(passkey.blob.subarray(0, length)));
  expect(parsePublicKey(passkey.blob)).toMatchObject({ bits: 256, algorithms: [{ name: skEcdsaNistp256.name }] });
});

test("a passkey's signature returns its origin", () => {
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
  const right = clientDataOf(origin, base64url(data));
  for (const clientData of [
    right.replace("webauthn.get", "webauthn.create"),
    right.replace(":", ": "),
    ` ${right}`,
    clientDataOf(origin, base64Encode(data)),
    clientDataOf(origin, `${base64url(data)}=`),
    clientDataOf(origin, base64url(sha256(data))),
    clientDataOf("https://other.example", base64url(data)),
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
    const blob = unsigned.finish(authenticator.sign(unsigned.data));
    expect(parseCertificate(blob)).toMatchObject({ isVerified: true, signatureAlgorithm: algorithm.name });
  }
});
