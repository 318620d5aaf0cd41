import { expectError } from "@nacre/testing/errors";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { type Bytes, Reader, utf8Encode, Writer } from "@nacre/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Certificate,
  type CertificateOptions,
  type CertificateUse,
  certificateProblem,
  certifiedPrivateKey,
  defaultCertificateAlgorithms,
  ed25519PrivateKey,
  FOREVER,
  generateEcdsa,
  generateEd25519,
  issueCertificate,
  type PrivateKey,
  parseCertificate,
  parsePublicKey,
  prepareCertificate,
} from "../src/index.ts";

const random = hashChainRandom("certificates");
const authority = ed25519PrivateKey(random(32));
const key = generateEd25519(random);
const other = generateEcdsa("nistp256", random);
const FORMAT = "ssh-ed25519-cert-v01@openssh.com";

/** The fields of a certificate, each as its bytes. */
interface Fields {
  readonly format: string;
  /** The key's own fields. */
  readonly values: Uint8Array;
  readonly type: number;
  readonly keyId: string;
  readonly principals: Uint8Array;
  readonly criticalOptions: Uint8Array;
  readonly extensions: Uint8Array;
  readonly authority: Uint8Array;
  /** Bytes behind the authority's key. */
  readonly more: Uint8Array;
  sign(data: Uint8Array): Uint8Array;
  /** Bytes behind the signature. */
  readonly end: Uint8Array;
}

const NOTHING = new Uint8Array(0);

function valuesOf({ publicKey }: PrivateKey): Uint8Array {
  const reader = new Reader(publicKey.blob, "key");
  reader.string("format");
  return reader.rest();
}

const strings = (...texts: readonly (string | Uint8Array)[]): Bytes =>
  texts.reduce<Writer>((writer, text) => writer.string(text), new Writer()).finish();

/** Writes a certificate field by field, valid but for the changes. */
function certificate(changes: Partial<Fields> = {}): Bytes {
  const fields: Fields = {
    format: FORMAT,
    values: valuesOf(key),
    type: 1,
    keyId: "id",
    principals: strings("alice"),
    criticalOptions: NOTHING,
    extensions: strings("permit-pty", ""),
    authority: authority.publicKey.blob,
    more: NOTHING,
    sign: (data) => authority.sign("ssh-ed25519", data, random),
    end: NOTHING,
    ...changes,
  };
  const signed = new Writer()
    .string(fields.format)
    .string("nonce")
    .raw(fields.values)
    .uint64(1n)
    .uint32(fields.type)
    .string(fields.keyId)
    .string(fields.principals)
    .uint64(0n)
    .uint64(FOREVER)
    .string(fields.criticalOptions)
    .string(fields.extensions)
    .string("")
    .string(fields.authority)
    .raw(fields.more)
    .finish();
  return new Writer().raw(signed).string(fields.sign(signed)).raw(fields.end).finish();
}

const refused = (changes: Partial<Fields>, code: "key-malformed" | "key-unsupported" = "key-malformed"): string =>
  expectError(code, () => parseCertificate(certificate(changes)));

test("the tests' certificate is valid", () => {
  expect(parseCertificate(certificate())).toMatchObject({ isVerified: true, principals: ["alice"], serial: 1n });
  // Options that are not sorted are accepted: others write them so.
  const extensions = strings("permit-pty", "", "a@example.org", "");
  expect([...parseCertificate(certificate({ extensions })).extensions.keys()]).toEqual(["permit-pty", "a@example.org"]);
});

test("a certificate that its authority did not sign is refused", () => {
  refused({ sign: (data) => authority.sign("ssh-ed25519", data.subarray(1), random) });
  refused({ sign: (data) => key.sign("ssh-ed25519", data, random) });
  refused({ sign: (data) => authority.sign("ssh-ed25519", data, random).subarray(0, -1) });
  refused({
    sign: (data) =>
      new Writer()
        .raw(authority.sign("ssh-ed25519", data, random))
        .byte(0)
        .finish(),
  });
  refused({ sign: () => NOTHING });
});

test("a signature by an algorithm that is unknown or not the authority's is not verified", () => {
  for (const name of ["ssh-rsa", "rsa-sha2-512", "unknown@example.org", FORMAT])
    expect(parseCertificate(certificate({ sign: () => strings(name, "signature") }))).toMatchObject({
      isVerified: false,
      signatureAlgorithm: name,
    });
});

test("a certificate cannot be an authority", () => {
  const inner = certificate();
  refused({ authority: inner, sign: (data) => key.sign("ssh-ed25519", data, random) }, "key-unsupported");
});

test("an authority of an unknown format is named in the error", () => {
  const unknown = strings("ssh-new@example.org", "key");
  expect(refused({ authority: unknown }, "key-unsupported")).toBe(
    "unsupported key format ssh-new@example.org of the certificate's authority",
  );
});

test("a certificate is of a user or a host", () => {
  for (const type of [0, 3, 0xffff_ffff]) expect(refused({ type })).toMatch(/type/);
});

test("a certificate has at most 256 principals", () => {
  const principals = Array.from({ length: 257 }, (_, i) => `user${i}`);
  const most = certificate({ principals: strings(...principals.slice(1)) });
  expect(parseCertificate(most).principals).toHaveLength(256);
  refused({ principals: strings(...principals) });
});

test("no text of a certificate contains NUL", () => {
  refused({ keyId: "id\0" });
  refused({ principals: strings("alice\0root") });
  refused({ criticalOptions: strings("force-command\0", "") });
  refused({ extensions: strings("\0", "") });
});

test("no option of a certificate is there twice", () => {
  const twice = strings("permit-pty", "", "permit-pty", "x");
  refused({ criticalOptions: twice });
  refused({ extensions: twice });
});

test("nothing is left over in a certificate", () => {
  refused({ end: Uint8Array.of(0) });
  refused({ end: strings("") });
  // Read as the signature, which the real one then follows.
  refused({ more: strings("") });
  refused({ principals: Uint8Array.of(0) });
  refused({ criticalOptions: strings("name") });
  refused({ values: strings("short") });
});

test("every cut of a certificate is refused", () => {
  const whole = certificate();
  for (let length = 0; length < whole.length; length++)
    expectError("key-malformed", () => parseCertificate(whole.subarray(0, length)));
});

test("a key that its plain format refuses is not certified", () => {
  const [curve, point] = ["nistp384", valuesOf(other).subarray(12)];
  refused({
    format: "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    values: new Writer().string(curve).raw(point).finish(),
  });
  refused({ format: "sk-ssh-ed25519-cert-v01@openssh.com", values: strings(new Uint8Array(32), "ssh:\0") });
  refused({ format: "ssh-unknown-cert-v01@openssh.com" }, "key-unsupported");
  expectError("key-unsupported", () => parseCertificate(key.publicKey.blob));
});

test("a plain key and a certificate do not stand for each other", () => {
  const data = utf8Encode("data");
  const algorithm = defaultCertificateAlgorithms.find(({ name }) => name === FORMAT)!;
  const signature = key.sign("ssh-ed25519", data, random);
  expect(algorithm.verify(certificate(), data, signature)).toBeDefined();
  expectError("key-malformed", () => algorithm.verify(key.publicKey.blob, data, signature));
  const format = "ecdsa-sha2-nistp256-cert-v01@openssh.com";
  expectError("key-malformed", () =>
    algorithm.verify(certificate({ format, values: valuesOf(other) }), data, signature),
  );
  // Neither the authority's signature, nor the certificate's name in a signature.
  expect(algorithm.verify(certificate(), data, authority.sign("ssh-ed25519", data, random))).toBeUndefined();
  const raw = new Reader(signature, "signature");
  raw.string("name");
  expect(algorithm.verify(certificate(), data, strings(FORMAT, raw.string("blob")))).toBeUndefined();
});

test("a certificate counts for its type, authority, time, names and known options only", () => {
  const parsed = parseCertificate(certificate({ criticalOptions: strings("force-command", "") }));
  const use: CertificateUse = {
    type: "user",
    now: 150n,
    authorityAlgorithms: ["ssh-ed25519"],
    isPrincipal: (name) => name === "alice",
    criticalOptions: ["force-command"],
  };
  const timed = { ...parsed, validAfter: 100n, validBefore: 200n };
  const reason = (changes: Partial<CertificateUse>, given: Certificate = timed): string | undefined =>
    certificateProblem(given, { ...use, ...changes })?.reason;
  expect(reason({})).toBeUndefined();
  expect(reason({ type: "host" })).toBe("type");
  expect(reason({ authorityAlgorithms: ["rsa-sha2-512"] })).toBe("authority-algorithm");
  expect(reason({}, { ...timed, isVerified: false })).toBe("authority-algorithm");
  expect([99n, 100n, 199n, 200n].map((now) => reason({ now }))).toEqual([
    "not-yet-valid",
    undefined,
    undefined,
    "expired",
  ]);
  expect(reason({ isPrincipal: () => false })).toBe("principal");
  expect(reason({ isPrincipal: () => true }, { ...timed, principals: [] })).toBe("principal");
  expect(reason({ criticalOptions: [] })).toBe("critical-option");
  // Nothing else is compared with the name, least of all as a pattern.
  expect(reason({ isPrincipal: (name) => name === "*" })).toBe("principal");
});

test("a certificate is presented by its own key only", () => {
  const parsed = parseCertificate(certificate());
  expectError("key-malformed", () => certifiedPrivateKey(other, parsed));
  const own = certifiedPrivateKey(key, parsed);
  expect(own.publicKey.certifies).toEqual(key.publicKey);
  expectError("key-unsupported", () => own.sign("ssh-ed25519", NOTHING, random));
});

describe("issuing", () => {
  const options: CertificateOptions = {
    publicKey: key.publicKey,
    type: "user",
    keyId: "id",
    principals: ["alice"],
    validBefore: "forever",
    random,
  };

  test("what is issued is parsed as it was", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 20 }).filter((one) => !one.includes("\0"));
    const options64 = fc.dictionary(text, text, { maxKeys: 5 });
    const certificates = fc.record({
      isHost: fc.boolean(),
      keyId: text,
      principals: fc.array(
        text.filter((one) => one !== ""),
        { minLength: 1, maxLength: 5 },
      ),
      serial: fc.bigInt({ min: 0n, max: FOREVER }),
      validAfter: fc.bigInt({ min: 0n, max: FOREVER - 1n }),
      criticalOptions: options64,
      extensions: options64,
    });
    fc.assert(
      fc.property(certificates, ({ isHost, ...rest }) => {
        const type = isHost ? "host" : "user";
        const parsed = parseCertificate(issueCertificate(authority, { ...options, ...rest, type }));
        const { keyId, principals, serial, validAfter } = rest;
        expect(parsed).toMatchObject({ type, keyId, principals, serial, validAfter, validBefore: FOREVER });
        for (const [name, value] of Object.entries(rest.criticalOptions))
          expect(parsed.criticalOptions.get(name)).toEqual(value === "" ? NOTHING : strings(value));
        expect(parsed.extensions.size).toBe(Object.keys(rest.extensions).length);
        const names = [...parsed.extensions.keys()].map((name) => utf8Encode(name));
        expect(names).toEqual([...names].sort((a, b) => compareBytes(a, b)));
        expect(parsePublicKey(parsed.blob).bits).toBe(256);
      }),
      { numRuns: 40 },
    );
  });

  test.each<[string, Partial<CertificateOptions>]>([
    ["no principals", { principals: [] }],
    ["an empty principal", { principals: ["alice", ""] }],
    ["257 principals", { principals: Array.from({ length: 257 }, String) }],
    ["NUL in a principal", { principals: ["a\0"] }],
    ["NUL in the id", { keyId: "\0" }],
    ["an end at the start", { validAfter: 9n, validBefore: 9n }],
    ["an end before the start", { validAfter: 9n, validBefore: 8n }],
  ])("refuses %s", (_, changes) => {
    expectError("usage", () => issueCertificate(authority, { ...options, ...changes }));
  });

  test('has no names for the principals "none"', () => {
    const blob = issueCertificate(authority, { ...options, principals: "none" });
    expect(parseCertificate(blob)).toMatchObject({ isVerified: true, principals: [] });
  });

  test("refuses a certificate as the key, and another algorithm than the authority's", () => {
    const { publicKey } = certifiedPrivateKey(key, parseCertificate(certificate()));
    expectError("key-unsupported", () => issueCertificate(authority, { ...options, publicKey }));
    expectError("key-unsupported", () => issueCertificate(authority, options, "rsa-sha2-512"));
    const unsigned = prepareCertificate(authority.publicKey, options);
    expectError("agent-failed", () => unsigned.finish(strings("ssh-rsa", "")));
    const made = unsigned.finish(authority.sign(unsigned.algorithm, unsigned.data, random));
    expect(parseCertificate(made).isVerified).toBe(true);
  });
});

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? a.length - b.length : a[at]! - (b[at] ?? -1);
}
