import type { HashFunction } from "@nacre/kdf";
import { type RandomSource, SSH_MSG_KEXDH_INIT, SSH_MSG_KEXDH_REPLY, SshError, Writer } from "@nacre/wire";
import type { KexMethod, KexSecret } from "./method.ts";

/** A fixed Diffie-Hellman group with generator 2 (RFC 4253 §8). */
export interface ModpGroup {
  /** Name of the method: `"diffie-hellman-group14-sha256"`. */
  readonly name: string;
  /** Returns p, a safe prime. A function, so that the value is computed only when needed. */
  readonly prime: () => bigint;
  /**
   * Number of random bytes in an exponent. Their number of bits is at least twice the strength of the group, which is the higher estimate
   * in RFC 3526 §8: 160, 240 and 310 bits. SP 800-56A requires less (appendix D: twice 112, 152 and 200 bits).
   */
  readonly exponentLength: number;
}

/** Ephemeral key pair of one side, for a single exchange. */
export interface ModpPair {
  /** Public value: e of the client or f of the server. */
  readonly publicValue: bigint;
  /** Raises the peer's value to the private exponent. `peersValue` must be greater than 1 and less than p − 1. */
  power(peersValue: bigint): bigint;
}

/** Creates the method of a group. All groups have the same messages and checks. */
export function modp(
  { name, prime }: Pick<ModpGroup, "name" | "prime">,
  hash: HashFunction,
  pair: (random: RandomSource) => ModpPair,
): KexMethod {
  return {
    name,
    hash,
    context: "dh",
    client(random) {
      const own = pair(random);
      const e = own.publicValue;
      return {
        start: () => SSH_MSG_KEXDH_INIT.encode({ e }),
        receive(payload) {
          const { hostKey, f, signature } = SSH_MSG_KEXDH_REPLY.decode(payload);
          return { type: "done", secret: secretOf(e, f, agree(own, f, prime())), hostKey, signature };
        },
      };
    },
    server: (random) => ({
      receive(payload) {
        const { e } = SSH_MSG_KEXDH_INIT.decode(payload);
        const own = pair(random);
        const f = own.publicValue;
        const secret = secretOf(e, f, agree(own, e, prime()));
        const reply = (hostKey: Uint8Array, signature: Uint8Array): Uint8Array =>
          SSH_MSG_KEXDH_REPLY.encode({ hostKey, f, signature });
        return { type: "done", secret, reply };
      },
    }),
  };
}

/** Returns the shared secret. Rejects a public value or a secret that is not strictly between 1 and p − 1 (RFC 8268 §4). */
function agree(own: ModpPair, peersValue: bigint, p: bigint): bigint {
  // rule: dh-range
  if (peersValue <= 1n || peersValue >= p - 1n)
    throw new SshError("kex-failed", "the peer's Diffie-Hellman value is not between 1 and p - 1");
  const secret = own.power(peersValue);
  if (secret === 1n || secret === p - 1n)
    throw new SshError("kex-failed", "the Diffie-Hellman shared secret is 1 or p - 1, which the peer can force");
  return secret;
}

function secretOf(e: bigint, f: bigint, secret: bigint): KexSecret {
  return {
    exchange: new Writer(2048).mpint(e).mpint(f).finish(),
    sharedSecret: new Writer(1032).mpint(secret).finish(),
  };
}
