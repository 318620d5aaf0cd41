import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { code } from "@nacre/testing/nacre/outcomes";
import { base64Decode, concatBytes, equalBytes, Reader, utf8Encode, Writer } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { parsePasskeyLine, passkeyPublicKey } from "../../src/keys/passkey-public-key.ts";
import { type Assertion, webauthnSignature } from "../../src/keys/webauthn-signature.ts";
import { OPENSSH_MESSAGE, OPENSSH_NAMESPACE, OPENSSH_PUBLIC_KEY, OPENSSH_SIGNATURE } from "./support/openssh-vector.ts";
import { refusal } from "./support/webauthn-verifier.ts";

const DATA = utf8Encode("what is signed at a login");
const ORIGIN = "https://ssh.example.test";
const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const point = publicKey.export({ type: "spki", format: "der" }).subarray(-65);
const key = passkeyPublicKey(point, "example.test").publicKey.blob;

const sha256 = (bytes: Uint8Array | string): Buffer => createHash("sha256").update(bytes).digest();

interface Change {
  readonly flags?: number;
  readonly extensions?: Uint8Array;
  readonly json?: string;
  readonly rpId?: string;
}

const challengeText = Buffer.from(DATA).toString("base64url");
const goodJson = `{"type":"webauthn.get","challenge":"${challengeText}","origin":"${ORIGIN}","crossOrigin":false}`;

function assertion({
  flags = 1,
  extensions = new Uint8Array(),
  json = goodJson,
  rpId = "example.test",
}: Change = {}): Assertion {
  const clientDataJSON = utf8Encode(json);
  const authenticatorData = concatBytes(sha256(rpId), Uint8Array.of(flags, 0, 0, 0, 9), extensions);
  const signature = sign("sha256", concatBytes(authenticatorData, sha256(clientDataJSON)), privateKey);
  return { authenticatorData, clientDataJSON, signature: new Uint8Array(signature) };
}

/** Returns the verifier's result for the signature over an assertion. */
const verdict = (change: Change = {}, demands = {}): string | undefined =>
  refusal(key, DATA, webauthnSignature(DATA, assertion(change)), demands);

describe("OpenSSH's own signature", () => {
  const reader = new Reader(base64Decode(OPENSSH_SIGNATURE.replaceAll("\n", ""))!, "SSHSIG");
  reader.raw(6, "magic");
  reader.uint32("version");
  const blobOfKey = reader.string("public key");
  for (const field of ["namespace", "reserved", "hash algorithm"]) reader.string(field);
  const signature = reader.string("signature");
  const signed = new Writer()
    .raw(utf8Encode("SSHSIG"))
    .string(OPENSSH_NAMESPACE)
    .string("")
    .string("sha512")
    .string(createHash("sha512").update(OPENSSH_MESSAGE).digest())
    .finish();

  it("is accepted by the verifier of these tests", () => {
    expect(refusal(blobOfKey, signed, signature)).toBeUndefined();
  });

  it("is reproduced byte for byte from an assertion of its parts", () => {
    const fields = new Reader(signature, "signature");
    fields.string("algorithm");
    const scalars = new Reader(fields.string("scalars"), "scalars");
    const [r, s] = [scalars.string("r"), scalars.string("s")];
    const der = concatBytes(
      Uint8Array.of(0x30, 4 + r.length + s.length, 2, r.length),
      r,
      Uint8Array.of(2, s.length),
      s,
    );
    const flagsAndCounter = fields.raw(5, "flags and counter");
    fields.string("origin");
    const clientDataJSON = fields.string("clientDataJSON");
    const authenticatorData = concatBytes(sha256("mindrot.org"), flagsAndCounter);
    expect(webauthnSignature(signed, { authenticatorData, clientDataJSON, signature: der })).toEqual(
      new Uint8Array(signature),
    );
  });

  it("belongs to the key of OpenSSH's public key line", () => {
    const { publicKey: read, rpId } = parsePasskeyLine(`${OPENSSH_PUBLIC_KEY} somebody's key`);
    expect(rpId).toBe("mindrot.org");
    expect(equalBytes(read.blob, blobOfKey)).toBe(true);
    expect(read).toMatchObject({ format: "sk-ecdsa-sha2-nistp256@openssh.com", bits: 256 });
    const name = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
    expect(read.algorithms).toEqual([{ name, signatureName: name }]);
  });
});

describe("a signature of an assertion", () => {
  it("passes the checks of sshd", () => {
    for (let i = 0; i < 200; i++) expect(verdict()).toBeUndefined();
  });

  it("keeps extensions, flags and additional members of the JSON as they were signed", () => {
    expect(verdict({ flags: 0x81, extensions: Uint8Array.of(0xa0) })).toBeUndefined();
    expect(verdict({ flags: 0x1d })).toBeUndefined();
    expect(
      verdict({ json: `${goodJson.slice(0, -1)},"other_keys_can_be_added_here":"do not compare"}` }),
    ).toBeUndefined();
  });

  it.each<[string, string, Change, object?]>([
    ["another rpId", "signature", { rpId: "example.org" }],
    ["attested data", "AT flag", { flags: 0x41 }],
    ["extensions without their flag", "ED flag", { extensions: Uint8Array.of(0xa0) }],
    ["the flag of extensions without any", "ED flag", { flags: 0x81 }],
    ["no touch", "user presence", { flags: 0 }],
    ["no user verification although it is required", "user verification", {}, { verifyRequired: true }],
  ])("with %s fails the verifier's check: %s", (_, reason, change, demands) => {
    expect(verdict(change, demands)).toBe(reason);
  });

  it("passes no-touch-required without a touch, and verify-required with user verification", () => {
    expect(verdict({ flags: 0 }, { noTouchRequired: true })).toBeUndefined();
    expect(verdict({ flags: 5 }, { verifyRequired: true })).toBeUndefined();
  });
});

describe("webauthnSignature rejects with a reason:", () => {
  const swapped = `{"challenge":"${challengeText}","type":"webauthn.get","origin":"${ORIGIN}"}`;
  it.each([
    ["another order of the JSON's members", swapped],
    ["white space in the JSON", goodJson.replaceAll(":", ": ")],
    ["another type", goodJson.replace("webauthn.get", "webauthn.create")],
    ["another challenge", goodJson.replace(challengeText, "AAAA")],
    ["a padded challenge", goodJson.replace(challengeText, `${challengeText}=`)],
    ["an origin without its end", goodJson.slice(0, goodJson.indexOf('","crossOrigin'))],
    ["an empty text", ""],
  ])("%s", (_, json) => {
    expect(() => webauthnSignature(DATA, assertion({ json }))).toThrow(
      expect.objectContaining({ code: "not-supported-here", message: expect.stringContaining("clientDataJSON") }),
    );
  });

  it("JSON that is not UTF-8", () => {
    const bytes = concatBytes(utf8Encode(goodJson), Uint8Array.of(0xff));
    expect(() => webauthnSignature(DATA, { ...assertion(), clientDataJSON: bytes })).toThrow(
      code("not-supported-here"),
    );
  });

  it("authenticator data that is too short", () => {
    const authenticatorData = assertion().authenticatorData.subarray(0, 36);
    expect(() => webauthnSignature(DATA, { ...assertion(), authenticatorData })).toThrow("has 36 bytes");
  });

  it.each([
    ["empty", []],
    ["not a SEQUENCE", [0x31, 6, 2, 1, 1, 2, 1, 1]],
    ["longer than its length field", [0x30, 6, 2, 1, 1, 2, 1, 1, 0]],
    ["shorter than its length field", [0x30, 7, 2, 1, 1, 2, 1, 1]],
    ["not of INTEGERs", [0x30, 6, 4, 1, 1, 2, 1, 1]],
    ["of a second part that is not an INTEGER", [0x30, 6, 2, 1, 1, 4, 1, 1]],
    ["of an r that reaches beyond the end", [0x30, 6, 2, 9, 1, 2, 1, 1]],
    ["of an empty s", [0x30, 5, 2, 1, 1, 2, 0]],
    ["of a negative r", [0x30, 6, 2, 1, 0x80, 2, 1, 1]],
    ["of an s of 0", [0x30, 6, 2, 1, 1, 2, 1, 0]],
    ["of an r with a leading zero", [0x30, 7, 2, 2, 0, 1, 2, 1, 1]],
    ["of an r of 34 bytes", [0x30, 39, 2, 34, ...new Uint8Array(34).fill(1), 2, 1, 1]],
  ])("an ECDSA signature that is %s", (_, der) => {
    expect(() => webauthnSignature(DATA, { ...assertion(), signature: Uint8Array.from(der) })).toThrow(
      "ECDSA on P-256",
    );
  });
});

/** Returns the line of a key that consists of these strings. */
function blob(...parts: readonly (string | Uint8Array)[]): string {
  const writer = new Writer();
  for (const part of parts) writer.string(part);
  return `sk-ecdsa-sha2-nistp256@openssh.com ${Buffer.from(writer.finish()).toString("base64")}`;
}

describe("parsePasskeyLine rejects a line", () => {
  const format = "sk-ecdsa-sha2-nistp256@openssh.com";
  it.each<[string, string, string]>([
    ["without text", "", "key-malformed"],
    ["with invalid base64", `${format} ****`, "key-malformed"],
    ["without base64", format, "key-malformed"],
    ["of another format", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==", "key-unsupported"],
    ["of another format inside", blob("ssh-ed25519", "nistp256", point, "example.test"), "key-malformed"],
    ["on another curve", blob(format, "nistp384", point, "example.test"), "key-malformed"],
    [
      "of a point off the curve",
      blob(format, "nistp256", Uint8Array.from(point).fill(7, 1), "example.test"),
      "key-malformed",
    ],
    ["without an application", blob(format, "nistp256", point), "key-malformed"],
    ["of an application that is not UTF-8", blob(format, "nistp256", point, Uint8Array.of(0xff)), "key-malformed"],
    ["with extra bytes", blob(format, "nistp256", point, "example.test", "x"), "key-malformed"],
  ])("%s", (_, line, expected) => {
    expect(() => parsePasskeyLine(line)).toThrow(code(expected));
  });
});
