import type { HashFunction } from "@nacre/kdf";
import { type RandomSource, SSH_MSG_KEXDH_INIT, SSH_MSG_KEXDH_REPLY, SshError, Writer } from "@nacre/wire";
import type { KexMethod, KexSecret } from "./method.ts";

/** A fixed group whose generator is 2, for RFC 4253 §8. */
export interface ModpGroup {
  /** Of the method: `"diffie-hellman-group14-sha256"`. */
  readonly name: string;
  /** p, a safe prime. Not made before it is needed. */
  readonly prime: () => bigint;
  /**
   * Bytes of randomness in an exponent: twice the bits of the group's strength. Of the two estimates in RFC 3526 §8 the higher one
   * counts: 160, 240 and 310 bits. That is also above what SP 800-56A asks (appendix D: twice 112, 152 and 200).
   */
  readonly exponentLength: number;
}

/** One side's half of an exchange in such a group, made for it and used once. */
export interface ModpPair {
  /** e or f. */
  readonly publicValue: bigint;
  /** The peer's value to the power of the exponent. The value is between 1 and p − 1, those excluded. */
  power(peersValue: bigint): bigint;
}

/** The method of a group. The messages of both sides, and the checks of what comes in, are the same for all of them. */
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

/** The secret. The peer's value and the secret are both between 1 and p − 1, those excluded (RFC 8268 §4). */
function agree(own: ModpPair, peersValue: bigint, p: bigint): bigint {
  // rule: dh-range
  if (peersValue <= 1n || peersValue >= p - 1n)
    throw new SshError("kex-failed", "the peer's Diffie-Hellman value is not between 1 and p - 1");
  const secret = own.power(peersValue);
  if (secret === 1n || secret === p - 1n)
    throw new SshError("kex-failed", "the Diffie-Hellman secret is one of those that the peer can force");
  return secret;
}

function secretOf(e: bigint, f: bigint, secret: bigint): KexSecret {
  return {
    exchange: new Writer(2048).mpint(e).mpint(f).finish(),
    sharedSecret: new Writer(1032).mpint(secret).finish(),
  };
}
