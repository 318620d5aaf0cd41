import { parseCertificate } from "@nacre/keys";
import { fromHex } from "@nacre/testing/bytes";
import { expectError } from "@nacre/testing/errors";
import { keyVectors, type VectorFields } from "@nacre/testing/keys";
import { addedSecurityKeys } from "@nacre/testing/openssh-keys";
import { SshError, utf8Encode, Writer } from "@nacre/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AddedKey,
  type AgentAnswer,
  type AgentRequest,
  type Destination,
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  type KeyConstraints,
  queryAnswer,
  type SessionBind,
  sessionBind,
} from "../src/index.ts";
import { key, toInner } from "./support.ts";

/** Bytes without a prototype of their own, so that views and copies compare equal. */
const bytes = fc.uint8Array({ maxLength: 40 }).map((one) => new Uint8Array(one));
const text = fc.string({ maxLength: 20, unit: "grapheme" });
const name = fc.stringMatching(/^[!-~]{1,20}$/);
const uint32 = fc.nat({ max: 0xffff_ffff });

const fields = fc.constantFrom<VectorFields>(...keyVectors.map((one) => one.fields));

/** Returns a certificate blob with the public values of a key, as far as an agent reads it. */
function certificateOf(values: VectorFields): Uint8Array {
  const { format } = values;
  const writer = new Writer().string(`${format}-cert-v01@openssh.com`).string("nonce");
  if (values.format === "ssh-ed25519") writer.string(values.publicKey);
  else if (values.format === "ssh-rsa") writer.mpint(values.e).mpint(values.n);
  else writer.string(values.format.slice("ecdsa-sha2-".length)).string(values.publicPoint);
  return writer.string("the rest").finish();
}

const securityKey = fc.record({
  isEcdsa: fc.boolean(),
  isCertified: fc.boolean(),
  point: bytes,
  flags: fc.nat({ max: 255 }),
  keyHandle: bytes,
});

const addedKey: fc.Arbitrary<AddedKey> = fc.oneof(
  fields.map((one) => ({ type: "plain", fields: one }) as const),
  fields.map((one) => ({ type: "certificate", certificate: certificateOf(one), fields: one }) as const),
  securityKey.map(({ isEcdsa, isCertified, point, flags, keyHandle }) => {
    const format = isEcdsa ? "sk-ecdsa-sha2-nistp256" : "sk-ssh-ed25519";
    const own = isEcdsa ? new Writer().string("nistp256") : new Writer();
    const values = own.string(point).string("ssh:").finish();
    const publicKey = new Writer().string(`${format}@openssh.com`).raw(values).finish();
    const certificate = new Writer().string(`${format}-cert-v01@openssh.com`).string("nonce").raw(values).finish();
    return { type: "security-key", publicKey, ...(isCertified && { certificate }), flags, keyHandle } as const;
  }),
);

const host = fc.record({
  host: text.filter((one) => one !== ""),
  keys: fc.array(fc.record({ publicKey: bytes, isCertificateAuthority: fc.boolean() }), { minLength: 1, maxLength: 3 }),
});

const destination: fc.Arbitrary<Destination> = fc.record({
  from: fc.option(host, { nil: undefined }),
  to: fc
    .tuple(
      host,
      fc.option(
        text.filter((one) => one !== ""),
        { nil: undefined },
      ),
    )
    .map(([one, user]) => ({ ...one, user })),
});

const constraints: fc.Arbitrary<KeyConstraints> = fc.record(
  {
    lifetime: uint32,
    confirm: fc.constant(true),
    destinations: fc.array(destination, { minLength: 1, maxLength: 3 }),
    provider: text,
    associatedCertificates: fc.record({
      certificatesOnly: fc.boolean(),
      certificates: fc.array(bytes, { maxLength: 3 }),
    }),
  },
  { requiredKeys: [] },
);

const requests: fc.Arbitrary<AgentRequest> = fc.oneof(
  fc.record({ type: fc.constantFrom("list" as const, "remove-all" as const) }),
  fc.record({ type: fc.constant("sign" as const), publicKey: bytes, data: bytes, flags: uint32 }),
  fc.record({ type: fc.constant("add" as const), key: addedKey, comment: text, constraints }),
  fc.record({ type: fc.constant("remove" as const), publicKey: bytes }),
  fc.record({ type: fc.constant("add-smartcard" as const), id: text, pin: bytes, constraints }),
  fc.record({ type: fc.constant("remove-smartcard" as const), id: text, pin: bytes }),
  fc.record({ type: fc.constantFrom("lock" as const, "unlock" as const), passphrase: bytes }),
  fc.record({ type: fc.constant("extension" as const), name, data: bytes }),
);

const answers: fc.Arbitrary<AgentAnswer> = fc.oneof(
  fc.record({ type: fc.constantFrom("failure" as const, "success" as const, "extension-failure" as const) }),
  fc.record({
    type: fc.constant("identities" as const),
    identities: fc.array(fc.record({ publicKey: bytes, comment: text }), { maxLength: 4 }),
  }),
  fc.record({ type: fc.constant("signature" as const), signature: bytes }),
  fc.record({ type: fc.constant("extension" as const), name, data: bytes }),
);

const CODES = ["malformed-message", "unexpected-message", "key-unsupported"];

/** Decodes bytes that may be invalid. Returns `undefined` after an error that the decoder states. */
function attempt<T>(decode: (from: Uint8Array) => T, from: Uint8Array): T | undefined {
  try {
    return decode(from);
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    expect(CODES).toContain(error.code);
    return undefined;
  }
}

test.each(addedSecurityKeys)(
  "ssh-add's requests for a key of type $type, plain and with a certificate",
  ({ requests }) => {
    const keys = requests.map((request) => {
      const decoded = decodeRequest(request);
      expect(encodeRequest(decoded)).toEqual(request);
      return (decoded as Extract<AgentRequest, { type: "add" }>).key as Extract<AddedKey, { type: "security-key" }>;
    });
    expect(keys.map(({ type, certificate }) => [type, certificate !== undefined])).toEqual([
      ["security-key", false],
      ["security-key", true],
    ]);
    expect(keys[1]!.publicKey).toEqual(keys[0]!.publicKey);
    expect(parseCertificate(keys[1]!.certificate!).publicKey.blob).toEqual(keys[0]!.publicKey);
  },
);

describe("a message that is encoded and decoded", () => {
  test("is the same request", () => {
    fc.assert(
      fc.property(requests, (one) => {
        expect(decodeRequest(encodeRequest(one))).toEqual(one);
      }),
    );
  });

  test("is the same answer", () => {
    fc.assert(
      fc.property(answers, (one) => {
        expect(decodeAnswer(encodeAnswer(one))).toEqual(one);
      }),
    );
  });

  test("is the same session bind, and the same names of extensions", () => {
    const binds: fc.Arbitrary<SessionBind> = fc.record({
      hostKey: bytes,
      sessionId: bytes,
      signature: bytes,
      isForwarding: fc.boolean(),
    });
    fc.assert(
      fc.property(binds, (one) => {
        expect(sessionBind.decode(sessionBind.encode(one))).toEqual(one);
      }),
    );
    fc.assert(
      fc.property(fc.array(name), (one) => {
        expect(queryAnswer.decode(queryAnswer.encode(one))).toEqual(one);
      }),
    );
  });
});

/** Cuts a message off or lengthens it, and changes one byte. */
function changed(whole: Uint8Array, { at, to, length }: { at: number; to: number; length: number }): Uint8Array {
  const copy = new Uint8Array(1 + (length % (2 * whole.length)));
  copy.set(whole.subarray(0, copy.length));
  copy[at % copy.length] = to;
  return copy;
}

describe("a message that is changed or cut off", () => {
  const change = fc.record({ at: fc.nat(), to: fc.nat({ max: 255 }), length: fc.nat() });

  test("is refused, or is another request", () => {
    fc.assert(
      fc.property(requests, change, (one, how) => {
        const found = attempt(decodeRequest, changed(encodeRequest(one), how));
        if (found !== undefined) expect(decodeRequest(encodeRequest(found))).toEqual(found);
      }),
    );
  });

  test("is refused, or is another answer", () => {
    fc.assert(
      fc.property(answers, change, (one, how) => {
        const found = attempt(decodeAnswer, changed(encodeAnswer(one), how));
        if (found !== undefined) expect(decodeAnswer(encodeAnswer(found))).toEqual(found);
      }),
    );
  });

  test("is refused when it is shorter", () => {
    const request = encodeRequest({
      type: "add",
      key: { type: "plain", fields: key.fields },
      comment: "a comment",
      constraints: { destinations: [toInner] },
    });
    for (let length = 0; length < request.length; length++) {
      const found = attempt(decodeRequest, request.subarray(0, length));
      // Without its constraints, the message is complete: only its length field tells that they are missing.
      if (found !== undefined) expect(found).toMatchObject({ type: "add", constraints: {} });
    }
  });
});

function hex(digits: string): Uint8Array {
  return fromHex(digits.replaceAll(" ", ""));
}

test("the messages have the bytes of the specification", () => {
  const blob = utf8Encode("blob");
  expect(encodeRequest({ type: "list" })).toEqual(hex("0b"));
  expect(encodeRequest({ type: "sign", publicKey: blob, data: Uint8Array.of(1), flags: 4 })).toEqual(
    hex("0d 00000004 626c6f62 00000001 01 00000004"),
  );
  expect(encodeRequest({ type: "lock", passphrase: Uint8Array.of(9) })).toEqual(hex("16 00000001 09"));
  const pin = new Uint8Array(0);
  expect(encodeRequest({ type: "add-smartcard", id: "", pin, constraints: { lifetime: 3, confirm: true } })).toEqual(
    hex("1a 00000000 00000000 01 00000003 02"),
  );
  expect(encodeAnswer({ type: "identities", identities: [{ publicKey: blob, comment: "a" }] })).toEqual(
    hex("0c 00000001 00000004 626c6f62 00000001 61"),
  );
  expect(encodeAnswer({ type: "extension", name: "q", data: Uint8Array.of(7) })).toEqual(hex("1d 00000001 71 07"));
});

test("values that no agent accepts are not encoded", () => {
  const added: AddedKey = { type: "plain", fields: key.fields };
  const refused: readonly KeyConstraints[] = [
    { lifetime: -1 },
    { lifetime: 0.5 },
    { lifetime: 2 ** 32 },
    { destinations: [] },
    { destinations: Array.from({ length: 1025 }, () => toInner) },
  ];
  for (const one of refused)
    expectError("usage", () => encodeRequest({ type: "add", key: added, comment: "", constraints: one }));
  expectError("key-unsupported", () => decodeRequest(new Writer().byte(17).string("ssh-dss").string("").finish()));
});
