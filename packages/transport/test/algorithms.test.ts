import { aes128Ctr, aes256Gcm, chacha20Poly1305, hmacSha256, hmacSha512Etm } from "@nacre/ciphers";
import { curve25519Sha256 } from "@nacre/kex";
import { ed25519, generateEd25519 } from "@nacre/keys";
import type { CipherAlgorithm, MacAlgorithm } from "@nacre/packet";
import { seededRandom } from "@nacre/testing/random";
import { concatBytes, equalBytes } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { Pair } from "./support/pair.ts";

const random = seededRandom(3);
const hostKey = generateEd25519(random);

function pairWith(cipher: CipherAlgorithm, macs: readonly MacAlgorithm[]): Pair {
  const algorithms = { kex: [curve25519Sha256], hostKeys: [ed25519], ciphers: [cipher], macs };
  const limits = { rekeyBytes: 150_000 };
  const pair: Pair = new Pair({
    client: { algorithms, limits },
    server: { algorithms, hostKeys: [hostKey.publicKey] },
    onEvent: (at, event) => {
      if (event.type !== "sign-exchange-hash") return false;
      pair[at].transport.answerSignature(event.token, hostKey.sign(event.algorithm, event.data, random));
      return true;
    },
  });
  return pair;
}

describe.each<[string, CipherAlgorithm, readonly MacAlgorithm[]]>([
  ["aes128-ctr with hmac-sha2-256", aes128Ctr, [hmacSha256]],
  ["aes128-ctr with hmac-sha2-512-etm", aes128Ctr, [hmacSha512Etm]],
  ["aes256-gcm", aes256Gcm, []],
  ["chacha20-poly1305", chacha20Poly1305, []],
])("curve25519, ssh-ed25519 and %s", (_, cipher, macs) => {
  test("carry messages of many sizes in both directions and across rekeys", () => {
    const pair = pairWith(cipher, macs).connect().enterConnection();
    const sizes = [0, 1, 2, 7, 8, 15, 16, 17, 100, 1023, 1024, 5000, 32_768, 100_000, 32_768, 60_000, 32_000, 3];
    const messages = sizes.map((size) => concatBytes(Uint8Array.of(94), random(size)));
    for (const end of [pair.client, pair.server])
      for (const message of messages) {
        end.transport.sink.begin(0, message.length, 0, 0).set(message);
        end.transport.sink.commit(0);
        pair.pump();
      }
    expect([pair.client.error, pair.server.error]).toEqual([undefined, undefined]);
    for (const end of [pair.client, pair.server]) {
      expect(end.messages).toHaveLength(messages.length);
      expect(end.messages.every((message, i) => equalBytes(message, messages.at(i)!))).toBe(true);
    }
    expect(pair.client.eventsOf("keys-complete").length).toBeGreaterThan(2);
    expect(pair.client.eventsOf("verify-host-key")[0]?.hostKey).toEqual(hostKey.publicKey.blob);
  });
});
