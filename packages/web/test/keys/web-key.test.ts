import { defaultSignatureAlgorithms } from "@nacre/keys";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { served } from "@nacre/testing/nacre/wire";
import { generateWebKey, importWebKey, type WebKey } from "@nacre/web/keys";
import { equalBytes, utf8Encode } from "@nacre/wire";
import { afterEach, describe, expect, it, vi } from "vitest";
import { KEY_KINDS, keyText } from "./support/key-texts.ts";

const DATA = utf8Encode("what is signed");

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** Returns whether the portable code verifies signatures of the key with each of its algorithms. */
async function verifies(key: WebKey): Promise<boolean> {
  const { publicKey } = key;
  expect(publicKey.algorithms.length).toBeGreaterThan(0);
  for (const { name } of publicKey.algorithms) {
    const signature = await key.sign(name, DATA);
    const algorithm = defaultSignatureAlgorithms.find((one) => one.name === name)!;
    if (!algorithm.verify(publicKey.blob, DATA, signature!)) return false;
  }
  return true;
}

/** Checks that WebCrypto cannot export the private keys. */
async function expectLocked({ privateKeys }: WebKey): Promise<void> {
  for (const key of Object.values(privateKeys)) {
    expect(key).toMatchObject({ type: "private", extractable: false, usages: ["sign"] });
    for (const format of ["pkcs8", "jwk"] as const)
      expect(await failure(crypto.subtle.exportKey(format as "jwk", key))).toMatchObject({
        // Node 20 uses a different name for InvalidAccessError.
        name: expect.stringMatching(/^InvalidAccess/),
      });
  }
}

/** Stubs WebCrypto so that one algorithm is missing or makes invalid signatures. */
function breakWebCrypto(what: "generateKey" | "importKey" | "sign", algorithm: string): void {
  const subtle = crypto.subtle as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const original = subtle[what]!.bind(crypto.subtle);
  vi.spyOn(subtle, what).mockImplementation(async (...args) => {
    if (!JSON.stringify(args).includes(algorithm)) return original(...args);
    if (what === "sign") return new ArrayBuffer(64);
    throw new DOMException("Unrecognized name", "NotSupportedError");
  });
}

describe("generateWebKey", () => {
  it("generates an Ed25519 key by default", async () => {
    const key = await generateWebKey();
    expect(key.publicKey).toMatchObject({ format: "ssh-ed25519", bits: 256, algorithms: [{ name: "ssh-ed25519" }] });
    expect(await verifies(key)).toBe(true);
  });

  it.each([
    ["lacks Ed25519", "generateKey"],
    ["has Ed25519 by name only", "sign"],
  ] as const)("generates an ECDSA key if the platform %s", async (_, what) => {
    breakWebCrypto(what, "Ed25519");
    const key = await generateWebKey();
    expect(key.publicKey.format).toBe("ecdsa-sha2-nistp256");
    vi.restoreAllMocks();
    expect(await verifies(key)).toBe(true);
  });

  it("generates the requested algorithm, or rejects if the platform lacks it", async () => {
    expect((await generateWebKey({ algorithm: "ecdsa-sha2-nistp256" })).publicKey.format).toBe("ecdsa-sha2-nistp256");
    breakWebCrypto("generateKey", "Ed25519");
    expect(await failure(generateWebKey({ algorithm: "ssh-ed25519" }))).toEqual(code("not-supported-here"));
  });

  it("generates keys that no script can export", async () => {
    for (const algorithm of ["ssh-ed25519", "ecdsa-sha2-nistp256"] as const) {
      await expectLocked(await generateWebKey({ algorithm }));
    }
  });

  it("generates a new key each time, with its authorized_keys line", async () => {
    const [one, two] = [await generateWebKey(), await generateWebKey()];
    expect(one.authorizedKeysLine("alice's laptop")).toMatch(
      /^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI\S+ alice's laptop$/,
    );
    expect(one.authorizedKeysLine()).not.toBe(two.authorizedKeysLine());
  });

  it("rejects other algorithms and options", async () => {
    for (const options of [{ algorithm: "ssh-rsa" }, { algorthm: "ssh-ed25519" }])
      expect(await failure(generateWebKey(options as never))).toEqual(code("usage"));
  });
});

describe("a WebCrypto key", () => {
  it("signs with r and s of any length", async () => {
    const key = await generateWebKey({ algorithm: "ecdsa-sha2-nistp256" });
    const lengths = new Set<number>();
    for (let i = 0; i < 300; i++) lengths.add((await key.sign("ecdsa-sha2-nistp256", DATA))!.length);
    expect(lengths.size).toBeGreaterThan(2);
    for (let i = 0; i < 40; i++) expect(await verifies(key)).toBe(true);
  });

  it("rejects other algorithms", async () => {
    const key = await generateWebKey({ algorithm: "ecdsa-sha2-nistp256" });
    for (const name of ["ssh-ed25519", "rsa-sha2-512", "toString"])
      expect(await failure(key.sign(name, DATA))).toEqual(code("key-unsupported"));
  });

  it("is not supported without WebCrypto", async () => {
    vi.stubGlobal("crypto", {});
    expect(await failure(generateWebKey())).toEqual(code("not-supported-here"));
    expect(await failure(importWebKey("x"))).toEqual(code("not-supported-here"));
  });

  it("logs in", async () => {
    for (const algorithm of ["ssh-ed25519", "ecdsa-sha2-nistp256"] as const) {
      const key = await generateWebKey({ algorithm });
      const { client, connection } = await served(
        {
          authenticate: (login) => login.method === "publickey" && equalBytes(login.publicKey, key.publicKey.blob),
        },
        { identities: [key] },
      );
      expect(connection.user).toBe("alice");
      await client.close();
    }
  });
});

describe("importWebKey", () => {
  it.each(KEY_KINDS)("imports a key of %s from every file format", async (kind) => {
    for (const format of ["openssh", "pkcs8", ...(kind === "ssh-ed25519" ? [] : (["pem"] as const))] as const) {
      const { text, publicKey } = await keyText(kind, format);
      const key = await importWebKey(text);
      expect(key.publicKey).toEqual(publicKey);
      expect(await verifies(key)).toBe(true);
    }
  });

  it("imports keys so that no script can export them", async () => {
    for (const kind of KEY_KINDS) await expectLocked(await importWebKey((await keyText(kind, "openssh")).text));
  });

  it("decrypts a file with its passphrase", async () => {
    const { text, publicKey } = await keyText("ssh-ed25519", "openssh", "open sesame");
    expect((await importWebKey(text, { passphrase: "open sesame" })).publicKey).toEqual(publicKey);
    expect(await failure(importWebKey(text))).toEqual(code("passphrase-needed"));
    expect(await failure(importWebKey(text, { passphrase: "wrong" }))).toEqual(code("passphrase-wrong"));
  });

  it("rejects text without a key", async () => {
    expect(await failure(importWebKey("ssh-ed25519 AAAA"))).toEqual(code("file-malformed"));
    expect(await failure(importWebKey(undefined as never))).toEqual(code("usage"));
  });

  it.each(["importKey", "sign"] as const)("rejects if WebCrypto lacks the algorithm (%s)", async (what) => {
    const { text } = await keyText("ssh-ed25519", "openssh");
    breakWebCrypto(what, "Ed25519");
    expect(await failure(importWebKey(text))).toEqual(code("not-supported-here"));
  });
});
