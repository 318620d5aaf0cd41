import {
  done,
  exchange,
  expectError,
  expectExchange,
  fromHex,
  given,
  HOST_KEY,
  hex,
  mpint,
  readVectors,
  SIGNATURE,
  seeded,
} from "@nacre/testing/kex";
import { SSH_MSG_KEXDH_INIT, SSH_MSG_KEXDH_REPLY } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { bigIntModp } from "../src/diffie-hellman.ts";
import { diffieHellmanGroup14Sha256, diffieHellmanGroup16Sha512, diffieHellmanGroup18Sha512 } from "../src/index.ts";

const { modp } = readVectors();
const GROUPS = [
  { method: diffieHellmanGroup14Sha256, group: 14, bits: 2048n, addend: 124476n },
  { method: diffieHellmanGroup16Sha512, group: 16, bits: 4096n, addend: 240904n },
  { method: diffieHellmanGroup18Sha512, group: 18, bits: 8192n, addend: 4743158n },
].map((row) => ({ ...row, ...modp.find(({ group }) => group === row.group)! }));

const initOf = (e: bigint) => SSH_MSG_KEXDH_INIT.encode({ e });
const replyOf = (f: bigint) => SSH_MSG_KEXDH_REPLY.encode({ hostKey: HOST_KEY, f, signature: SIGNATURE });

describe.each(GROUPS)("$method.name", ({ method, bits, addend, prime, agreements }) => {
  const p = BigInt(`0x${prime}`);

  it("uses the prime computed from the formula in RFC 3526", () => {
    expect(p).toBe(2n ** bits - 2n ** (bits - 64n) - 1n + 2n ** 64n * (piTimesTwoTo(bits - 130n) + addend));
    // The method rejects p − 1 and accepts p − 2, so it uses this p.
    const server = method.server(seeded());
    expectError(() => server.receive(initOf(p - 1n)), "kex-failed");
    expect(server.receive(initOf(p - 2n)).type).toBe("done");
  });

  it.each(agreements)("$name", (vector) => {
    const both = exchange(
      method,
      // The method sets the first byte to 1 itself.
      given(fromHex(vector.clientSecret.slice(2))),
      given(fromHex(vector.serverSecret.slice(2))),
    );
    expectExchange(both, mpint(vector.clientPublic), mpint(vector.serverPublic), mpint(vector.shared));
  });

  it("rejects values that are not strictly between 1 and p - 1", () => {
    const client = method.client(seeded());
    const server = method.server(seeded());
    for (const value of [0n, 1n, p - 1n, p, p + 1n, p + 2n, 2n * p, -1n, -2n, -p, 1n << 16384n]) {
      expectError(() => server.receive(initOf(value)), "kex-failed", "not between 1 and p - 1");
      expectError(() => client.receive(replyOf(value)), "kex-failed", "not between 1 and p - 1");
    }
  });

  it("accepts 2 and p - 2", () => {
    for (const value of [2n, p - 2n]) expect(method.server(seeded()).receive(initOf(value)).type).toBe("done");
  });
});

describe("the group modulo 23, with all exponents and values", () => {
  const p = 23n;
  const toy = bigIntModp({ name: "toy", prime: () => p, exponentLength: 1 }, (message) => message);
  const forced = (value: bigint): boolean => value <= 1n || value >= p - 1n;

  it("produces the same secret as repeated multiplication, and rejects those that the peer can force", () => {
    const outcomes = { agreed: 0, refusedValue: 0, refusedSecret: 0 };
    // Exponents are equivalent modulo p − 1.
    for (let drawn = 0; drawn < 22; drawn++) {
      const random = given(...Array.from({ length: 32 }, () => Uint8Array.of(drawn)));
      const client = toy.client(random);
      expect(client.start()).toEqual(initOf(naivePower(2n, 256 + drawn, p)));
      for (let value = -1n; value <= p + 1n; value++) {
        const secret = naivePower(value, 256 + drawn, p);
        const receive = [() => client.receive(replyOf(value)), () => toy.server(random).receive(initOf(value))];
        for (const side of receive) {
          if (forced(value)) {
            outcomes.refusedValue++;
            expectError(side, "kex-failed", "not between");
          } else if (forced(secret)) {
            outcomes.refusedSecret++;
            expectError(side, "kex-failed", "the peer can force");
          } else {
            outcomes.agreed++;
            expect(hex(done(side()).secret.sharedSecret)).toBe(mpint(secret.toString(16)));
          }
        }
      }
    }
    for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(20);
  });
});

function naivePower(base: bigint, exponent: number, modulus: bigint): bigint {
  let result = 1n;
  for (let i = 0; i < exponent; i++) result = (result * base) % modulus;
  return result;
}

/** Computes ⌊2^bits · π⌋ with Machin's formula, π = 16 arctan 1/5 − 4 arctan 1/239. */
function piTimesTwoTo(bits: bigint): bigint {
  const guard = 64n;
  const arctanOfOneOver = (n: bigint): bigint => {
    let power = (1n << (bits + guard)) / n;
    let sum = power;
    for (let k = 3n; power !== 0n; k += 2n) {
      power = -power / (n * n);
      sum += power / k;
    }
    return sum;
  };
  return (16n * arctanOfOneOver(5n) - 4n * arctanOfOneOver(239n)) >> guard;
}
