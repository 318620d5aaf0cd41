import {
  done,
  exchange,
  expectError,
  expectExchange,
  fromHex,
  given,
  hex,
  initOf,
  readVectors,
  replyOf,
  SMALL_ORDER,
  seeded,
  string,
} from "@nacre/testing/kex";
import { sha256 } from "@noble/hashes/sha2.js";
import { describe, expect, it } from "vitest";
import { mlkem768X25519Sha256 as method } from "../src/index.ts";

const { seed, message, exchanges, wrongCiphertexts } = readVectors().mlkem768x25519;
const good = exchanges[0]!;
const client = () => method.client(given(fromHex(seed), fromHex(good.clientSecret)));

describe("agreements computed with OpenSSL", () => {
  it.each(exchanges)("$name", (vector) => {
    const both = exchange(
      method,
      given(fromHex(seed), fromHex(vector.clientSecret)),
      given(fromHex(message), fromHex(vector.serverSecret)),
    );
    // The secret is a string, not an mpint: its first byte may be 0 or have the highest bit set.
    expectExchange(both, string(vector.clientValue), string(vector.serverValue), string(vector.shared));
    const secrets = fromHex(vector.postQuantum + vector.classical);
    expect(vector.shared).toBe(hex(sha256(secrets)));
  });

  // An error for invalid ciphertexts would leak information about the private key to the sender.
  it.each(wrongCiphertexts)("$name: an unpredictable secret instead of an error", ({ ciphertext, postQuantum }) => {
    const end = done(client().receive(replyOf(fromHex(ciphertext + good.serverValue.slice(-64)))));
    const secret = hex(sha256(fromHex(postQuantum + good.classical)));
    expect(hex(end.secret.sharedSecret)).toBe(string(secret));
    expect(secret).not.toBe(good.shared);
  });
});

describe("public values", () => {
  const clientValue = fromHex(good.clientValue);
  const serverValue = fromHex(good.serverValue);

  it("are rejected if the length is wrong", () => {
    for (const length of [0, 32, 1119, 1121, 1184, 1215, 1217, 4000]) {
      const value = new Uint8Array(length).fill(9);
      expectError(
        () => method.server(seeded()).receive(initOf(value)),
        "kex-failed",
        `the client's mlkem768x25519 value has ${length} bytes, expected 1216`,
      );
      expectError(
        () => client().receive(replyOf(value)),
        "kex-failed",
        `the server's mlkem768x25519 value has ${length} bytes, expected 1120`,
      );
    }
    expectError(() => method.server(seeded()).receive(initOf(serverValue)), "kex-failed");
    expectError(() => client().receive(replyOf(clientValue)), "kex-failed");
  });

  it("are rejected if an ML-KEM coefficient is not reduced (FIPS 203 §7.2)", () => {
    for (const position of [0, 1, 255, 256, 767]) {
      for (const coefficient of [3329, 3330, 4095]) {
        const value = withCoefficient(clientValue, position, coefficient);
        expectError(() => method.server(seeded()).receive(initOf(value)), "kex-failed", "ML-KEM-768 public key");
      }
      const value = withCoefficient(clientValue, position, 3328);
      expect(method.server(seeded()).receive(initOf(value)).type).toBe("done");
    }
  });

  it("are rejected if the X25519 part is a point of small order", () => {
    for (const point of SMALL_ORDER) {
      const [fromClient, fromServer] = [clientValue.slice(), serverValue.slice()];
      fromClient.set(fromHex(point), 1184);
      fromServer.set(fromHex(point), 1088);
      expectError(() => method.server(seeded()).receive(initOf(fromClient)), "kex-failed", "small order");
      expectError(() => client().receive(replyOf(fromServer)), "kex-failed", "small order");
    }
  });

  it("are not modified", () => {
    const [fromClient, fromServer] = [initOf(clientValue), replyOf(serverValue)];
    const before = [fromClient.slice(), fromServer.slice()];
    method.server(seeded()).receive(fromClient);
    client().receive(fromServer);
    expect([fromClient, fromServer]).toEqual(before);
  });
});

/** Returns a copy with one coefficient of the ML-KEM key replaced: 12 bits each, lowest bit first (FIPS 203 §4.2.1). */
function withCoefficient(value: Uint8Array, position: number, coefficient: number): Uint8Array {
  const changed = value.slice();
  for (let bit = 0; bit < 12; bit++) {
    const at = 12 * position + bit;
    const mask = 1 << (at % 8);
    const byte = changed[at >> 3]!;
    changed[at >> 3] = (coefficient >> bit) & 1 ? byte | mask : byte & ~mask;
  }
  return changed;
}
