import { code, failure } from "@nacre/testing/nacre/outcomes";
import { createPasskey, type Passkey, passkeyIdentity } from "@nacre/web/keys";
import { utf8Encode } from "@nacre/wire";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parsePasskeyLine } from "../../src/keys/passkey-public-key.ts";
import type { FakeAuthenticator } from "./support/fake-authenticator.ts";
import { openPage } from "./support/page.ts";
import { refusal } from "./support/webauthn-verifier.ts";

const ALGORITHM = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
const DATA = utf8Encode("what is signed");
let authenticator: FakeAuthenticator;

beforeEach(() => {
  authenticator = openPage();
});
afterEach(() => {
  expect(authenticator.pending).toBe(0);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const notAllowed = (): DOMException => new DOMException("The operation was not allowed.", "NotAllowedError");

describe("createPasskey", () => {
  it("requests ES256 for the page's domain, and returns a record that JSON can store", async () => {
    const passkey = await createPasskey({ name: "alice@host.example" });
    expect(authenticator.creations).toMatchObject([
      {
        rp: { id: "ssh.example.test", name: "ssh.example.test" },
        user: { name: "alice@host.example", displayName: "alice@host.example" },
        pubKeyCredParams: [{ type: "public-key", alg: -7 }],
        authenticatorSelection: { userVerification: "preferred", residentKey: "preferred", requireResidentKey: false },
        attestation: "none",
        timeout: 120_000,
      },
    ]);
    expect(JSON.parse(JSON.stringify(passkey))).toEqual(passkey);
    expect(passkey.transports).toEqual(["internal"]);
    expect(passkey.publicKey).toMatch(/^sk-ecdsa-sha2-nistp256@openssh\.com [A-Za-z0-9+/]+=*$/);
    expect(parsePasskeyLine(passkey.publicKey).rpId).toBe("ssh.example.test");
  });

  it("passes on the domain, the site's name and the authenticator's requirements", async () => {
    const passkey = await createPasskey({
      name: "alice",
      rpId: "example.test",
      rpName: "Terminal",
      userVerification: "required",
      residentKey: "required",
      authenticatorAttachment: "cross-platform",
      timeout: 5000,
    });
    expect(authenticator.creations[0]).toMatchObject({
      rp: { id: "example.test", name: "Terminal" },
      authenticatorSelection: {
        userVerification: "required",
        residentKey: "required",
        requireResidentKey: true,
        authenticatorAttachment: "cross-platform",
      },
      timeout: 5000,
    });
    expect(parsePasskeyLine(passkey.publicKey).rpId).toBe("example.test");
  });

  it("gives each passkey its own user id, because an authenticator would replace a passkey of the same id", async () => {
    for (let i = 0; i < 2; i++) await createPasskey({ name: "alice" });
    const [first, second] = authenticator.creations.map(({ user }) =>
      Buffer.from(user.id as Uint8Array).toString("hex"),
    );
    expect(first).toHaveLength(32);
    expect(first).not.toBe(second);
  });

  it("rejects a key without an SSH algorithm", async () => {
    const { create } = authenticator.container;
    vi.stubGlobal("navigator", {
      credentials: {
        ...authenticator.container,
        create: async (options: CredentialCreationOptions) => {
          const made = (await create(options)) as { response: object };
          return { ...made, response: { ...made.response, getPublicKeyAlgorithm: () => -257 } };
        },
      },
    });
    expect(await failure(createPasskey({ name: "alice" }))).toEqual(code("key-unsupported"));
  });

  it.each([
    ["null", () => null],
    ["a key with bytes missing", (spki: ArrayBuffer) => spki.slice(0, 90)],
    ["a key of another kind", (spki: ArrayBuffer) => new Uint8Array(spki).fill(1, 0, 26).buffer],
  ])("rejects %s in place of a public key", async (_, change) => {
    const { create } = authenticator.container;
    vi.stubGlobal("navigator", {
      credentials: {
        ...authenticator.container,
        create: async (options: CredentialCreationOptions) => {
          const made = (await create(options)) as { response: { getPublicKey: () => ArrayBuffer } };
          const spki = made.response.getPublicKey();
          return { ...made, response: { ...made.response, getPublicKey: () => change(spki) } };
        },
      },
    });
    expect(await failure(createPasskey({ name: "alice" }))).toEqual(code("key-unsupported"));
  });

  it("rejects unknown options, an empty name and invalid values", async () => {
    expect(await failure(createPasskey({ name: "a", rpid: "x" } as never))).toEqual(code("usage"));
    expect(await failure(createPasskey({ name: "" }))).toEqual(code("usage"));
    for (const change of [
      { signal: {} },
      { timeout: 0 },
      { timeout: Number.NaN },
      { timeout: Number.POSITIVE_INFINITY },
      { userVerification: "Required" },
      { residentKey: true },
      { authenticatorAttachment: "usb" },
    ])
      expect(await failure(createPasskey({ name: "a", ...change } as never))).toEqual(code("usage"));
    expect(authenticator.creations).toEqual([]);
  });

  it("requires `rpId` if the page has no domain", async () => {
    vi.stubGlobal("location", { hostname: "" });
    expect(await failure(createPasskey({ name: "a" }))).toEqual(code("usage"));
    vi.stubGlobal("location", undefined);
    expect(await failure(createPasskey({ name: "a" }))).toEqual(code("usage"));
  });
});

/** Creates a passkey, signs with `passkey`, and returns the error of each. */
async function doBoth(passkey: Passkey): Promise<readonly unknown[]> {
  return [
    await failure(createPasskey({ name: "alice" })),
    await failure(passkeyIdentity(passkey).sign(ALGORITHM, DATA)),
  ];
}

describe("createPasskey and sign reject on", () => {
  it.each([
    ["NotAllowedError", "auth-cancelled"],
    ["SecurityError", "usage"],
    ["OperationError", "usage"],
    ["NotSupportedError", "not-supported-here"],
    ["UnknownError", "not-supported-here"],
  ])("%s with %s", async (name, expected) => {
    const passkey = await createPasskey({ name: "alice" });
    const refuse = new DOMException("The browser's own words", name);
    authenticator.behaviour.refuse = refuse;
    for (const error of await doBoth(passkey)) {
      expect(error).toEqual(code(expected));
      expect(error).toHaveProperty("cause", refuse);
    }
  });

  it("a page without navigator.credentials", async () => {
    const passkey = await createPasskey({ name: "alice" });
    for (const navigator of [{}, undefined]) {
      vi.stubGlobal("navigator", navigator);
      expect(await doBoth(passkey)).toEqual([code("not-supported-here"), code("not-supported-here")]);
    }
  });

  it("a browser that returns no credential", async () => {
    const passkey = await createPasskey({ name: "alice" });
    vi.stubGlobal("navigator", { credentials: { create: async () => null, get: async () => null } });
    expect(await doBoth(passkey)).toEqual([code("auth-cancelled"), code("auth-cancelled")]);
  });

  it("a prompt that is not answered before the timeout", async () => {
    const passkey = await createPasskey({ name: "alice" });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    authenticator.behaviour.hold = true;
    const signing = failure(passkeyIdentity(passkey, { timeout: 1000 }).sign(ALGORITHM, DATA));
    await vi.advanceTimersByTimeAsync(999);
    expect(authenticator.pending).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await signing).toEqual(code("auth-cancelled"));
    const making = failure(createPasskey({ name: "alice", timeout: 1000 }));
    await vi.advanceTimersByTimeAsync(1000);
    expect(await making).toEqual(code("auth-cancelled"));
  });

  it("an aborted prompt, which does not block the next one", async () => {
    const passkey = await createPasskey({ name: "alice" });
    const identity = passkeyIdentity(passkey);
    authenticator.behaviour.hold = true;
    const abort = new AbortController();
    const signing = failure(identity.sign(ALGORITHM, DATA, abort.signal));
    expect(await failure(identity.sign(ALGORITHM, DATA))).toMatchObject({ code: "usage" });
    abort.abort();
    expect(await signing).toEqual(code("aborted"));
    authenticator.behaviour.hold = false;
    expect(await identity.sign(ALGORITHM, DATA)).toBeInstanceOf(Uint8Array);
    expect(await failure(createPasskey({ name: "alice", signal: AbortSignal.abort() }))).toEqual(code("aborted"));
  });
});

it("an answered or refused prompt leaves no timer, and no listener on the signal", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const abort = new AbortController();
  const { signal } = abort;
  const identity = passkeyIdentity(await createPasskey({ name: "alice", signal }));
  await identity.sign(ALGORITHM, DATA, signal);
  authenticator.behaviour.refuse = notAllowed();
  await failure(identity.sign(ALGORITHM, DATA, signal));
  expect(vi.getTimerCount()).toBe(0);
  abort.abort();
  expect(authenticator.signals.map((given) => given?.aborted)).toEqual([false, false, false]);
});

describe("passkeyIdentity", () => {
  it("signs with the stored credential, and the signature passes the checks of sshd", async () => {
    const passkey = await createPasskey({ name: "alice" });
    const identity = passkeyIdentity(JSON.parse(JSON.stringify(passkey)) as Passkey);
    expect(identity.publicKey.algorithms).toEqual([{ name: ALGORITHM, signatureName: ALGORITHM }]);
    const signature = await identity.sign(ALGORITHM, DATA);
    expect(refusal(identity.publicKey.blob, DATA, signature!)).toBeUndefined();
    expect(authenticator.requests).toMatchObject([
      {
        rpId: "ssh.example.test",
        allowCredentials: [{ type: "public-key", transports: ["internal"] }],
        userVerification: "preferred",
        timeout: 120_000,
      },
    ]);
    expect(Buffer.from(authenticator.requests[0]!.challenge as Uint8Array)).toEqual(Buffer.from(DATA));
  });

  it("requests user verification, which a key with verify-required needs", async () => {
    const passkey = await createPasskey({ name: "alice" });
    const sign = (userVerification: "required" | "discouraged"): Promise<Uint8Array | undefined> =>
      passkeyIdentity(passkey, { userVerification }).sign(ALGORITHM, DATA);
    const blob = passkeyIdentity(passkey).publicKey.blob;
    expect(refusal(blob, DATA, (await sign("required"))!, { verifyRequired: true })).toBeUndefined();
    expect(refusal(blob, DATA, (await sign("discouraged"))!, { verifyRequired: true })).toBe("user verification");
    expect(authenticator.requests.map(({ userVerification }) => userVerification)).toEqual(["required", "discouraged"]);
  });

  it("writes its authorized_keys line, with a comment of one line", async () => {
    const passkey = await createPasskey({ name: "alice" });
    const identity = passkeyIdentity(passkey);
    expect(identity.authorizedKeysLine()).toBe(passkey.publicKey);
    expect(identity.authorizedKeysLine("alice's phone")).toBe(`${passkey.publicKey} alice's phone`);
    expect(() => identity.authorizedKeysLine("two\nlines")).toThrow(code("usage"));
  });

  it("skips the key after a refused prompt if `whenRefused` allows it, but rejects after another failure", async () => {
    const passkey = await createPasskey({ name: "alice" });
    const identity = passkeyIdentity(passkey, { whenRefused: "next-key" });
    authenticator.behaviour.refuse = notAllowed();
    expect(await identity.sign(ALGORITHM, DATA)).toBeUndefined();
    authenticator.behaviour.refuse = new DOMException("no", "SecurityError");
    expect(await failure(identity.sign(ALGORITHM, DATA))).toEqual(code("usage"));
    expect(await failure(identity.sign(ALGORITHM, DATA, AbortSignal.abort()))).toEqual(code("aborted"));
  });

  it("rejects other algorithms without a prompt", async () => {
    const identity = passkeyIdentity(await createPasskey({ name: "alice" }));
    expect(await failure(identity.sign("sk-ecdsa-sha2-nistp256@openssh.com", DATA))).toEqual(code("key-unsupported"));
    expect(authenticator.requests).toEqual([]);
  });

  it("rejects invalid records and options", async () => {
    const passkey = await createPasskey({ name: "alice" });
    const make = (change: object, options?: object) => () => passkeyIdentity({ ...passkey, ...change }, options);
    expect(make({ credentialId: "" })).toThrow(code("key-malformed"));
    expect(make({ credentialId: "a+b/" })).toThrow(code("key-malformed"));
    expect(make({ credentialId: undefined })).toThrow(code("key-malformed"));
    expect(make({ publicKey: undefined })).toThrow(code("key-malformed"));
    expect(make({}, { timeout: -1 })).toThrow(code("usage"));
    expect(make({}, { userVerification: "require" })).toThrow(code("usage"));
    expect(make({}, { whenRefused: "no" })).toThrow(code("usage"));
    expect(make({}, { onRefused: "fail" })).toThrow(code("usage"));
  });
});
