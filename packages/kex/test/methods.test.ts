import { done, exchange, expectError, HOST_KEY, hex, SIGNATURE, seeded } from "@nacre/testing/kex";
import type { KexContext } from "@nacre/wire";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as kex from "../src/index.ts";

// Properties of all methods.

/** The hash of "abc" by each hash function (FIPS 180-4's examples). */
const HASH_OF_ABC = {
  sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  sha384: "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
  sha512:
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
};

const METHODS: readonly {
  readonly method: kex.KexMethod;
  readonly name: string;
  readonly hash: keyof typeof HASH_OF_ABC;
  readonly context: KexContext;
}[] = [
  { method: kex.mlkem768X25519Sha256, name: "mlkem768x25519-sha256", hash: "sha256", context: "ecdh" },
  { method: kex.curve25519Sha256, name: "curve25519-sha256", hash: "sha256", context: "ecdh" },
  { method: kex.curve25519Sha256Libssh, name: "curve25519-sha256@libssh.org", hash: "sha256", context: "ecdh" },
  { method: kex.ecdhSha2Nistp256, name: "ecdh-sha2-nistp256", hash: "sha256", context: "ecdh" },
  { method: kex.ecdhSha2Nistp384, name: "ecdh-sha2-nistp384", hash: "sha384", context: "ecdh" },
  { method: kex.ecdhSha2Nistp521, name: "ecdh-sha2-nistp521", hash: "sha512", context: "ecdh" },
  { method: kex.diffieHellmanGroup14Sha256, name: "diffie-hellman-group14-sha256", hash: "sha256", context: "dh" },
  { method: kex.diffieHellmanGroup16Sha512, name: "diffie-hellman-group16-sha512", hash: "sha512", context: "dh" },
  { method: kex.diffieHellmanGroup18Sha512, name: "diffie-hellman-group18-sha512", hash: "sha512", context: "dh" },
];

it("all exported methods are tested", () => {
  expect(new Set(METHODS.map(({ method }) => method))).toEqual(new Set(Object.values(kex)));
});

describe.each(METHODS)("$name", ({ method, name, hash, context }) => {
  it("has its name, hash and message context", () => {
    expect(method).toMatchObject({ name, context });
    expect(hex(method.hash(new TextEncoder().encode("abc")))).toBe(HASH_OF_ABC[hash]);
  });

  it("produces the same secret on both sides for any randomness", () => {
    fc.assert(
      fc.property(fc.nat(100), fc.nat(100), (a, b) => {
        const { clientSecret, serverSecret } = exchange(method, seeded(a), seeded(b));
        expect(clientSecret).toEqual(serverSecret);
      }),
      { numRuns: 5 },
    );
  });

  it("produces other values and another secret if either side uses other randomness", () => {
    const exchanges = [
      exchange(method, seeded(1), seeded(2)),
      exchange(method, seeded(1), seeded(3)),
      exchange(method, seeded(4), seeded(2)),
    ];
    for (const part of ["exchange", "sharedSecret"] as const)
      expect(new Set(exchanges.map(({ clientSecret }) => hex(clientSecret[part]))).size).toBe(3);
    const random = seeded();
    expect(new Set([1, 2, 3].map(() => hex(method.client(random).start()))).size).toBe(3);
  });

  it("rejects truncated and extended messages, and messages of the other side", () => {
    const client = method.client(seeded());
    const init = client.start();
    const reply = done(method.server(seeded(9)).receive(init)).reply(HOST_KEY, SIGNATURE);
    const server = method.server(seeded());
    for (let length = 0; length < init.length; length++)
      expectError(() => server.receive(init.slice(0, length)), "malformed-message");
    for (let length = 0; length < reply.length; length++)
      expectError(() => client.receive(reply.slice(0, length)), "malformed-message");
    expectError(() => server.receive(Uint8Array.of(...init, 0)), "malformed-message");
    expectError(() => client.receive(Uint8Array.of(...reply, 0)), "malformed-message");
    expectError(() => server.receive(reply), "malformed-message");
    expectError(() => client.receive(init), "malformed-message");
  });
});
