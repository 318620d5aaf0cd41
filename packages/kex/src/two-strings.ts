import type { HashFunction } from "@nacre/kdf";
import { type RandomSource, SSH_MSG_KEX_ECDH_INIT, SSH_MSG_KEX_ECDH_REPLY, Writer } from "@nacre/wire";
import type { KexMethod, KexSecret } from "./method.ts";

/** One side's half of a Diffie-Hellman exchange, made for it and used once. */
export interface KeyPair {
  /** Fresh bytes, as they are sent. */
  readonly publicKey: Uint8Array;
  /** What both sides come to: unsigned, the most significant byte first. Throws `kex-failed` for a public key that cannot be. */
  agree(peersPublicKey: Uint8Array): Uint8Array;
}

/** A method in which each side sends the public half of a key pair, and K is an mpint (RFC 5656 §4, RFC 8731 §3). */
export function ecdh(name: string, hash: HashFunction, keyPair: (random: RandomSource) => KeyPair): KexMethod {
  return twoStrings(name, hash, {
    client(random) {
      const own = keyPair(random);
      return { value: own.publicKey, sharedSecret: (serverValue) => encodedMpint(own.agree(serverValue)) };
    },
    server(random, clientValue) {
      const own = keyPair(random);
      return { value: own.publicKey, sharedSecret: encodedMpint(own.agree(clientValue)) };
    },
  });
}

function encodedMpint(secret: Uint8Array): Uint8Array {
  // rule: secret-as-mpint
  return new Writer().mpintBytes(secret).finish();
}

/** What a method does to come to K where each side sends one string. K is encoded as in {@link KexSecret}. Throws `kex-failed`. */
export interface TwoStrings {
  client(random: RandomSource): {
    readonly value: Uint8Array;
    sharedSecret(serverValue: Uint8Array): Uint8Array;
  };
  server(
    random: RandomSource,
    clientValue: Uint8Array,
  ): { readonly value: Uint8Array; readonly sharedSecret: Uint8Array };
}

/**
 * A method of two messages that carry one string each. Those of hybrid methods, SSH_MSG_KEX_HYBRID_INIT and _REPLY (RFC 10042 §2.2), have
 * the numbers and the fields of SSH_MSG_KEX_ECDH_INIT and _REPLY, and so are the same codecs and one context for the gate.
 */
export function twoStrings(name: string, hash: HashFunction, method: TwoStrings): KexMethod {
  return {
    name,
    hash,
    context: "ecdh",
    client(random) {
      const own = method.client(random);
      const clientPublicKey = own.value;
      return {
        start: () => SSH_MSG_KEX_ECDH_INIT.encode({ clientPublicKey }),
        receive(payload) {
          const { hostKey, serverPublicKey, signature } = SSH_MSG_KEX_ECDH_REPLY.decode(payload);
          const secret = secretOf(clientPublicKey, serverPublicKey, own.sharedSecret(serverPublicKey));
          return { type: "done", secret, hostKey, signature };
        },
      };
    },
    server: (random) => ({
      receive(payload) {
        const { clientPublicKey } = SSH_MSG_KEX_ECDH_INIT.decode(payload);
        const { value: serverPublicKey, sharedSecret } = method.server(random, clientPublicKey);
        const reply = (hostKey: Uint8Array, signature: Uint8Array): Uint8Array =>
          SSH_MSG_KEX_ECDH_REPLY.encode({ hostKey, serverPublicKey, signature });
        return { type: "done", secret: secretOf(clientPublicKey, serverPublicKey, sharedSecret), reply };
      },
    }),
  };
}

function secretOf(clientValue: Uint8Array, serverValue: Uint8Array, sharedSecret: Uint8Array): KexSecret {
  return { exchange: new Writer().string(clientValue).string(serverValue).finish(), sharedSecret };
}
