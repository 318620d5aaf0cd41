import type * as Crypto from "node:crypto";
import * as ciphers from "@nacre/ciphers";
import * as kex from "@nacre/kex";
import * as keys from "@nacre/keys";
import { bytesOf, codeOf, keysFor, readAll, readerFor, takeAll, writerFor } from "@nacre/testing/ciphers/packets";
import type { Suite } from "@nacre/testing/ciphers/suites";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { exchange, seeded } from "@nacre/testing/kex";
import { type RandomSource, Writer } from "@nacre/wire";
import { beforeEach, describe, expect, test, vi } from "vitest";

// Simulates a node:crypto that lacks algorithms, as in BoringSSL, Deno and some distributions' libraries.

/** Throws if the simulated node:crypto does not support this call. */
let refuse: (name: string, args: readonly unknown[]) => void;
const called: string[] = [];

/** Replaces the functions that Node 20 does not even export. */
function absent(): never {
  throw new Error("key encapsulation is not supported");
}

vi.mock("node:crypto", async (original) => {
  const crypto = await original<typeof Crypto>();
  const functions = Object.entries(crypto).filter(
    ([, value]) => typeof value === "function" && !/^[A-Z]/.test(value.name),
  );
  const wrapped = functions.map(([name, value]) => [
    name,
    (...args: unknown[]): unknown => {
      called.push(name);
      refuse(name, args);
      return (value as (...args: unknown[]) => unknown)(...args);
    },
  ]);
  return { ...crypto, encapsulate: absent, decapsulate: absent, ...Object.fromEntries(wrapped) };
});

// `createRequire` resolves only built files, not sources.
vi.mock("../../src/crypto/import-now.ts", () => ({
  importNow: (specifier: string) => {
    called.push(specifier);
    return { "@nacre/ciphers": ciphers, "@nacre/kex": kex, "@nacre/keys": keys }[specifier];
  },
}));

beforeEach(() => {
  // Probe results are cached, so each test imports fresh modules.
  vi.resetModules();
  refuse = () => {};
  called.length = 0;
});

function lacks(name: string, isLacking: (...args: readonly never[]) => boolean): void {
  refuse = (calledName, args) => {
    if (calledName === name && isLacking(...(args as never[])))
      throw new Error(`${name} does not support these arguments`);
  };
}

async function load(): Promise<typeof import("../../src/index.ts")> {
  const node = await import("../../src/index.ts");
  await node.loadAlgorithms(node.nodeAlgorithms);
  return node;
}

/** Returns a short and a long packet after sealing and opening them. */
function stream(suite: Suite): { readonly sealed: Uint8Array; readonly opened: readonly Uint8Array[] } {
  const directionKeys = keysFor(suite);
  const writer = writerFor(suite, directionKeys);
  for (const size of [10, 30_000]) writer.write(bytesOf("payload", size));
  const sealed = takeAll(writer);
  const reader = readerFor(suite, directionKeys);
  reader.push(sealed);
  return { sealed, opened: readAll(reader) };
}

/** Compares as Buffers, because comparing item by item takes seconds. */
function expectSameStream(one: Suite, other: Suite): void {
  const [a, b] = [stream(one), stream(other)];
  expect(Buffer.compare(a.sealed, b.sealed)).toBe(0);
  expect(Buffer.concat(a.opened).equals(Buffer.concat(b.opened))).toBe(true);
}

describe("a cipher that node:crypto lacks uses portable code", () => {
  test.each([
    ["aes128-gcm@openssh.com", "aes-128-gcm"],
    ["aes256-gcm@openssh.com", "aes-256-gcm"],
    ["chacha20-poly1305@openssh.com", "chacha20"],
    ["aes128-ctr", "aes-128-ctr"],
    ["aes192-ctr", "aes-192-ctr"],
    ["aes256-ctr", "aes-256-ecb"],
  ])("%s, without %s", async (name, openssl) => {
    lacks("createCipheriv", (algorithm) => algorithm === openssl);
    const { nodeAlgorithms } = await load();
    const cipher = nodeAlgorithms.ciphers.find((one) => one.name === name)!;
    const twin = Object.values(ciphers).find((one) => one.name === name) as typeof cipher;
    const macs = cipher.aead ? [undefined] : [ciphers.hmacSha256, ciphers.hmacSha256Etm];
    for (const mac of macs) expectSameStream({ name, cipher, mac }, { name, cipher: twin, mac });
  });
});

test.each(["sha256", "sha512"])("a MAC that node:crypto lacks uses portable code: %s", async (hash) => {
  lacks("createHmac", (algorithm) => algorithm === hash);
  const { nodeAlgorithms } = await load();
  for (const mac of nodeAlgorithms.macs) {
    const twin = Object.values(ciphers).find(({ name }) => name === mac.name) as typeof mac;
    const cipher = ciphers.aes128Ctr;
    expectSameStream({ name: "", cipher, mac }, { name: "", cipher, mac: twin });
  }
});

describe("a key exchange method that node:crypto lacks uses portable code", () => {
  test.each([
    ["curve25519-sha256", "createPrivateKey", () => true],
    ["mlkem768x25519-sha256", "diffieHellman", () => true],
    ["ecdh-sha2-nistp256", "createECDH", (curve: string) => curve === "prime256v1"],
    ["ecdh-sha2-nistp521", "createECDH", (curve: string) => curve === "secp521r1"],
  ])("%s, without %s", async (name, lacking, isLacking) => {
    lacks(lacking, isLacking);
    const { nodeAlgorithms } = await load();
    const method = nodeAlgorithms.kex.find((one) => one.name === name)!;
    const twin = Object.values(kex).find((one) => one.name === name)!;
    const client = { ...method, server: (random: RandomSource) => twin.server(random) };
    const { clientSecret, serverSecret } = exchange(client, seeded(1), seeded(2));
    expect(clientSecret).toEqual(serverSecret);
  });

  test("ML-KEM, if node:crypto has the functions but OpenSSL lacks the algorithm", async () => {
    lacks(
      "createPrivateKey",
      ({ key }) => Buffer.isBuffer(key) && (key as Buffer).includes(Buffer.from("60864801650304", "hex")),
    );
    const { nodeAlgorithms } = await load();
    const method = nodeAlgorithms.kex[0]!;
    expect(method.name).toBe("mlkem768x25519-sha256");
    const { clientSecret, serverSecret } = exchange(method, seeded(1), seeded(2));
    expect(clientSecret).toEqual(serverSecret);
  });
});

describe("keys", () => {
  const random = hashChainRandom("lacking");
  const data = random(40);

  test("Curve25519 keys are imported as PKCS#8 if a JWK requires the public key", async () => {
    // Node 26 checks the public key.
    lacks("createPrivateKey", ({ key }: { key: { x?: string } }) => key.x === "");
    const { nodePrivateKey, nodeAlgorithms } = await load();
    const key = keys.generateEd25519(random);
    const made = nodePrivateKey({ format: "ssh-ed25519", seed: (key.fields as keys.Ed25519Fields).seed });
    expect(made.publicKey).toEqual(key.publicKey);
    expect(made.sign("ssh-ed25519", data, random)).toEqual(key.sign("ssh-ed25519", data, random));
    const method = nodeAlgorithms.kex.find(({ name }) => name === "curve25519-sha256")!;
    called.length = 0;
    expect(method.client(seeded(1)).start()).toEqual(kex.curve25519Sha256.client(seeded(1)).start());
    // The call reached node:crypto, not the portable code.
    expect(called).toContain("createPrivateKey");
  });

  test("Curve25519 keys are imported as a JWK, which is faster, if it may omit the public key", async () => {
    const { nodeAlgorithms } = await load();
    const forms: unknown[] = [];
    refuse = (name, [options]) =>
      void (name === "createPrivateKey" && forms.push((options as { format: string }).format));
    nodeAlgorithms.kex.find(({ name }) => name === "curve25519-sha256")!.client(seeded(1));
    const { createPrivateKey } = await vi.importActual<typeof Crypto>("node:crypto");
    const d = Buffer.alloc(32, 1).toString("base64url");
    const isTaken =
      codeOf(() => createPrivateKey({ key: { kty: "OKP", crv: "X25519", x: "", d }, format: "jwk" })) === "none";
    // Node 26 rejects such a JWK.
    expect(forms).toEqual([isTaken ? "jwk" : "der"]);
  });

  test("a P-521 key signs if node:crypto cannot compute points of that curve", async () => {
    lacks("createECDH", (curve) => curve === "secp521r1");
    const { nodePrivateKey } = await load();
    const key = keys.generateEcdsa("nistp521", random);
    const made = nodePrivateKey(key.fields);
    expect(made.publicKey).toEqual(key.publicKey);
    const signature = made.sign("ecdsa-sha2-nistp521", data, random);
    expect(keys.ecdsaNistp521.verify(key.publicKey.blob, data, signature)).toEqual({});
  });

  test("ECDSA uses node:crypto without its `dsaEncoding` option", async () => {
    for (const name of ["sign", "verify"]) {
      lacks(name, (...[, , key]: readonly object[]) => "dsaEncoding" in key!);
      const { nodePrivateKey, nodeAlgorithms } = await load();
      const key = nodePrivateKey(keys.generateEcdsa("nistp256", random).fields);
      const algorithm = nodeAlgorithms.hostKeys.find((one) => one.name === "ecdsa-sha2-nistp256")!;
      const signature = key.sign(algorithm.name, data, random);
      expect(algorithm.verify(key.publicKey.blob, data, signature)).toEqual({});
      expect(called).not.toContain("@nacre/keys");
    }
  });

  test("a signature is verified by portable code if node:crypto throws", async () => {
    lacks("createPublicKey", () => true);
    const { nodeAlgorithms } = await load();
    for (const key of [keys.generateEd25519(random), keys.generateEcdsa("nistp384", random)]) {
      const { name } = key.publicKey.algorithms[0]!;
      const algorithm = nodeAlgorithms.hostKeys.find((one) => one.name === name)!;
      const signature = key.sign(name, data, random);
      expect(algorithm.verify(key.publicKey.blob, data, signature)).toEqual({});
      expect(algorithm.verify(key.publicKey.blob, random(40), signature)).toBeUndefined();
    }
  });

  test("an Ed25519 key that is not a point is rejected if node:crypto throws for it", async () => {
    lacks("verify", () => true);
    const { nodeAlgorithms } = await load();
    const algorithm = nodeAlgorithms.hostKeys.find(({ name }) => name === "ssh-ed25519")!;
    const noPoint = new Writer().string("ssh-ed25519").string(new Uint8Array(32).fill(2)).finish();
    const signature = new Writer().string("ssh-ed25519").string(new Uint8Array(64)).finish();
    expect(codeOf(() => algorithm.verify(noPoint, data, signature))).toBe("key-malformed");
    // An invalid key from a client must not trigger the import of portable code.
    expect(called).not.toContain("@nacre/keys");
  });
});

test("node:crypto is not called at import, and each feature is probed once", async () => {
  const node = await import("../../src/index.ts");
  expect(called).toEqual([]);
  await node.loadAlgorithms(node.nodeAlgorithms);
  expect(called).toContain("createCipheriv");
  // Creating a finite-field group takes seconds on Bun.
  expect(called).not.toContain("getDiffieHellman");
  called.length = 0;
  await node.loadAlgorithms(node.nodeAlgorithms);
  expect(called).toEqual([]);
});

test("only offered algorithms are probed", async () => {
  const { loadAlgorithms, nodeAlgorithms } = await import("../../src/index.ts");
  const only = (name: string): typeof nodeAlgorithms.ciphers =>
    nodeAlgorithms.ciphers.filter((one) => one.name === name);
  const used: unknown[] = [];
  refuse = (name, args) => void (name === "createCipheriv" && used.push(args[0]));
  await loadAlgorithms({ kex: [], ciphers: only("aes128-ctr"), macs: [] });
  expect(new Set(used)).toEqual(new Set(["aes-128-ctr", "aes-128-ecb"]));
  expect(called).not.toContain("createPrivateKey");
});
