import * as noble from "@nacre/kex";
import { type MlKem768, mlkem768X25519 } from "@nacre/kex/internal";
import { mlKem768 } from "@nacre/kex/ml-kem";
import {
  done,
  exchange,
  expectError,
  expectExchange,
  expectRefused,
  fromHex,
  given,
  HOST_KEY,
  hex,
  initOf,
  mpint,
  readVectors,
  replyOf,
  SIGNATURE,
  SMALL_ORDER,
  seeded,
  string,
} from "@nacre/testing/kex";
import { type RandomSource, SSH_MSG_KEXDH_INIT, SSH_MSG_KEXDH_REPLY } from "@nacre/wire";
import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { nistCurves } from "../../src/crypto/curves.ts";
import { x25519KeyPair } from "../../src/crypto/ecdh.ts";
import * as nodeMethods from "../../src/crypto/kex.ts";
import { mlKem768 as chosenMlKem768, loadMlKem768 } from "../../src/crypto/ml-kem.ts";
import { loadPortable } from "../../src/crypto/portable.ts";

const vectors = readVectors();
const node = { ...nodeMethods };
// Portable code replaces methods that node:crypto lacks; it is imported before a connection is made.
beforeAll(() => Promise.all([loadMlKem768(), loadPortable("kex")]));

const pairs = Object.entries(noble).map(([key, method]) => ({
  name: method.name,
  noble: method,
  node: node[key as keyof typeof node],
}));

describe.each(pairs)("$name and its noble twin", (twins) => {
  it("have the same properties", () => {
    const message = new TextEncoder().encode("abc");
    expect([twins.node.name, twins.node.context]).toEqual([twins.noble.name, twins.noble.context]);
    const digest = twins.node.hash(message);
    expect(digest).toEqual(twins.noble.hash(message));
    expect(Object.getPrototypeOf(digest)).toBe(Uint8Array.prototype);
  });

  it("agree on the secret with either as the client", () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(1000), (a, b) => {
        for (const [client, server] of [
          [twins.node, twins.noble],
          [twins.noble, twins.node],
          [twins.node, twins.node],
        ] as const) {
          const { clientSecret, serverSecret } = halves(client, server, a, b);
          expect(clientSecret).toEqual(serverSecret);
          expect(Object.getPrototypeOf(clientSecret.sharedSecret)).toBe(Uint8Array.prototype);
        }
      }),
      { numRuns: twins.name.includes("group") ? 2 : 8 },
    );
  });

  it("use new values in each exchange", () => {
    const random = seeded();
    expect(new Set([1, 2, 3].map(() => hex(twins.node.client(random).start()))).size).toBe(3);
  });
});

/** Runs a key exchange between two implementations of a method. */
function halves(client: noble.KexMethod, server: noble.KexMethod, a: number, b: number): ReturnType<typeof exchange> {
  return exchange({ ...client, server: (random) => server.server(random) }, seeded(a), seeded(b));
}

describe("X25519", () => {
  it.each(vectors.x25519)("$name", (vector) => {
    const { clientSecret, serverSecret } = vector;
    const both = exchange(node.curve25519Sha256, given(fromHex(clientSecret)), given(fromHex(serverSecret)));
    expectExchange(both, string(vector.clientPublic), string(vector.serverPublic), mpint(vector.shared));
  });

  it("rejects points of small order and wrong lengths", () => {
    for (const method of [node.curve25519Sha256, node.curve25519Sha256Libssh]) {
      for (const point of SMALL_ORDER) expectRefused(method, fromHex(point), "small order");
      for (const length of [0, 1, 31, 33, 1000])
        expectRefused(method, new Uint8Array(length).fill(9), `has ${length} bytes, expected 32`);
    }
  });
});

describe.each(["nistp256", "nistp384", "nistp521"] as const)("%s", (curve) => {
  const method = pairs.find(({ name }) => name === `ecdh-sha2-${curve}`)!.node;
  const twin = pairs.find(({ name }) => name === `ecdh-sha2-${curve}`)!.noble;
  const { size } = nistCurves[curve];
  const own = vectors.ecdh.filter((vector) => vector.curve === curve);

  it.each(own)("$name", (vector) => {
    const both = exchange(method, scalar(size, vector.clientSecret), scalar(size, vector.serverSecret));
    expectExchange(both, string(vector.clientPublic), string(vector.serverPublic), mpint(vector.shared));
  });

  it("derives the same key pair as noble from equal random bytes, including the largest", () => {
    for (const random of [seeded, () => (length: number) => new Uint8Array(length).fill(255)])
      expect(hex(method.client(random()).start())).toBe(hex(twin.client(random()).start()));
  });

  it("accepts only uncompressed points on the curve", () => {
    const valid = fromHex(own[0]!.serverPublic);
    const changed = (at: number, value: number) => valid.map((byte, i) => (i === at ? value : byte));
    expectRefused(method, changed(valid.length - 1, valid.at(-1)! ^ 1), "not on the curve");
    expectRefused(method, changed(size, valid[size]! ^ 1), "not on the curve");
    expectRefused(method, Uint8Array.of(4, ...new Uint8Array(2 * size)), "not on the curve");
    expectRefused(method, Uint8Array.of(4, ...new Uint8Array(2 * size).fill(255)), "not on the curve");
    for (const first of [0, 2, 3, 5, 6, 7, 255])
      expectRefused(method, changed(0, first), `bytes and first byte ${first}`);
    expectRefused(method, Uint8Array.of(2 + (valid.at(-1)! & 1), ...valid.subarray(1, 1 + size)), `${1 + size} bytes`);
    for (const value of [new Uint8Array(), Uint8Array.of(0), valid.slice(0, -1), Uint8Array.of(...valid, 0)])
      expectRefused(method, value, `${value.length} bytes`);
  });
});

/** Returns random bytes that yield this scalar: the scalar minus one, before reduction (FIPS 186-5 §A.2.1). */
function scalar(size: number, value: string): RandomSource {
  return given(fromHex((BigInt(`0x${value}`) - 1n).toString(16).padStart(2 * Math.ceil(1.5 * size), "0")));
}

describe.each([
  { make: "noble's ML-KEM", mlKem: mlKem768 },
  { make: "the running Node's, where it has one", mlKem: chosenMlKem768 },
])("mlkem768x25519-sha256 with $make", ({ mlKem }: { mlKem: MlKem768 }) => {
  const { seed, exchanges } = vectors.mlkem768x25519;
  const { hash } = node.mlkem768X25519Sha256;
  const method = mlkem768X25519(mlKem, x25519KeyPair, hash);

  it.each(exchanges)("$name", (vector) => {
    const client = method.client(given(fromHex(seed), fromHex(vector.clientSecret)));
    expect(hex(client.start())).toBe(`1e${string(vector.clientValue)}`);
    const end = done(client.receive(replyOf(fromHex(vector.serverValue))));
    expect(hex(end.secret.sharedSecret)).toBe(string(vector.shared));
  });

  it("agrees on the secret with noble, with either as the client", () => {
    for (const [client, server] of [
      [method, noble.mlkem768X25519Sha256],
      [noble.mlkem768X25519Sha256, method],
    ] as const) {
      const { clientSecret, serverSecret } = halves(client, server, 1, 2);
      expect(clientSecret).toEqual(serverSecret);
    }
  });

  it("rejects invalid values", () => {
    const good = exchanges[0]!;
    const client = () => method.client(given(fromHex(seed), fromHex(good.clientSecret)));
    const clientValue = fromHex(good.clientValue);
    const serverValue = fromHex(good.serverValue);
    for (const length of [0, 32, 1119, 1121, 1215, 1217]) {
      const value = new Uint8Array(length).fill(9);
      expectError(
        () => method.server(seeded()).receive(initOf(value)),
        "kex-failed",
        `has ${length} bytes, expected 1216`,
      );
      expectError(() => client().receive(replyOf(value)), "kex-failed", `has ${length} bytes, expected 1120`);
    }
    // The first coefficient is 3329 or 4095, encoded in 12 bits (FIPS 203 §7.2).
    for (const [low, high] of [
      [0x01, 0x0d],
      [0xff, 0x0f],
    ] as const) {
      const value = clientValue.slice();
      value[0] = low;
      value[1] = (value[1]! & 0xf0) | high;
      expectError(() => method.server(seeded()).receive(initOf(value)), "kex-failed", "ML-KEM-768 public key");
    }
    for (const point of SMALL_ORDER) {
      const [fromClient, fromServer] = [clientValue.slice(), serverValue.slice()];
      fromClient.set(fromHex(point), 1184);
      fromServer.set(fromHex(point), 1088);
      expectError(() => method.server(seeded()).receive(initOf(fromClient)), "kex-failed", "small order");
      expectError(() => client().receive(replyOf(fromServer)), "kex-failed", "small order");
    }
    // An invalid ciphertext yields an unpredictable secret, not an error.
    const wrong = serverValue.map((byte, i) => (i === 100 ? byte ^ 1 : byte));
    expect(client().receive(replyOf(wrong))).not.toEqual(client().receive(replyOf(serverValue)));
    expect(client().receive(replyOf(wrong))).toEqual(
      noble.mlkem768X25519Sha256.client(given(fromHex(seed), fromHex(good.clientSecret))).receive(replyOf(wrong)),
    );
  });
});

describe.each([
  { method: node.diffieHellmanGroup14Sha256, bits: 2048n },
  { method: node.diffieHellmanGroup16Sha512, bits: 4096n },
  { method: node.diffieHellmanGroup18Sha512, bits: 8192n },
])("$method.name", ({ method, bits }) => {
  it("rejects values that are not between 1 and p - 1", () => {
    const { prime } = vectors.modp.find((group) => BigInt(group.prime.length) * 4n === bits)!;
    const p = BigInt(`0x${prime}`);
    const client = method.client(seeded());
    const server = method.server(seeded());
    for (const value of [0n, 1n, p - 1n, p, p + 1n, 2n * p, -1n, -p, 1n << 16384n]) {
      expectError(() => server.receive(SSH_MSG_KEXDH_INIT.encode({ e: value })), "kex-failed", "not between");
      const reply = SSH_MSG_KEXDH_REPLY.encode({ hostKey: HOST_KEY, f: value, signature: SIGNATURE });
      expectError(() => client.receive(reply), "kex-failed", "not between");
    }
    expect(server.receive(SSH_MSG_KEXDH_INIT.encode({ e: 2n })).type).toBe("done");
  });
});
