import type { HashFunction } from "@nacre/kdf";
import { type RandomSource, SSH_MSG_KEX_ECDH_INIT, SSH_MSG_KEX_ECDH_REPLY, Writer } from "@nacre/wire";
import type { KexMethod, KexSecret } from "./method.ts";

/** Ephemeral key pair of one side, for a single exchange. */
export interface KeyPair {
  /** Public key as sent on the wire, in a new array. */
  readonly publicKey: Uint8Array;
  /** Returns the shared secret as unsigned big-endian bytes. Throws `kex-failed` if the public key is invalid. */
  agree(peersPublicKey: Uint8Array): Uint8Array;
}

/** Creates a method in which each side sends an ephemeral public key, and K is an mpint (RFC 5656 §4, RFC 8731 §3). */
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

/**
 * Computes K for a method in which each side sends one string. K is encoded as in {@link KexSecret}. Throws `kex-failed` for invalid
 * strings.
 */
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
 * Creates a method in which each side sends one string. Hybrid methods use the same codecs and context as ECDH, because
 * SSH_MSG_KEX_HYBRID_INIT and _REPLY (RFC 10042 §2.2) have the numbers and fields of SSH_MSG_KEX_ECDH_INIT and _REPLY.
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
