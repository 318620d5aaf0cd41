import type { HashFunction } from "@nacre/kdf";
import {
  equalBytes,
  type RandomSource,
  SSH_MSG_KEX_ECDH_INIT,
  SSH_MSG_KEX_ECDH_REPLY,
  SshError,
  Writer,
} from "@nacre/wire";
import { x25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { KexClient, KexMethod, KexSecret, KexServer } from "./method.ts";

const KEY_LENGTH = 32;
const hash: HashFunction = (message) => sha256(message);

/** curve25519-sha256 (RFC 8731). */
export const curve25519Sha256: KexMethod = curve25519("curve25519-sha256");

/** The same method under the name it had before RFC 8731. */
export const curve25519Sha256Libssh: KexMethod = curve25519("curve25519-sha256@libssh.org");

function curve25519(name: string): KexMethod {
  return { name, hash, context: "ecdh", client, server };
}

function client(random: RandomSource): KexClient {
  const secretKey = random(KEY_LENGTH);
  const clientPublicKey = x25519.getPublicKey(secretKey);
  return {
    start: () => SSH_MSG_KEX_ECDH_INIT.encode({ clientPublicKey }),
    receive(payload) {
      const { hostKey, serverPublicKey, signature } = SSH_MSG_KEX_ECDH_REPLY.decode(payload);
      const sharedSecret = agree(secretKey, serverPublicKey);
      return { type: "done", secret: secretOf(clientPublicKey, serverPublicKey, sharedSecret), hostKey, signature };
    },
  };
}

function server(random: RandomSource): KexServer {
  return {
    receive(payload) {
      const { clientPublicKey } = SSH_MSG_KEX_ECDH_INIT.decode(payload);
      const secretKey = random(KEY_LENGTH);
      const serverPublicKey = x25519.getPublicKey(secretKey);
      const secret = secretOf(clientPublicKey, serverPublicKey, agree(secretKey, clientPublicKey));
      const reply = (hostKey: Uint8Array, signature: Uint8Array): Uint8Array =>
        SSH_MSG_KEX_ECDH_REPLY.encode({ hostKey, serverPublicKey, signature });
      return { type: "done", secret, reply };
    },
  };
}

/** X25519, but for a peer's value that would make the secret known to everybody (RFC 8731 §3). */
function agree(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  if (publicKey.length !== KEY_LENGTH) {
    throw new SshError(
      "kex-failed",
      `the peer's curve25519 value has ${publicKey.length} bytes instead of ${KEY_LENGTH}`,
    );
  }
  let sharedSecret: Uint8Array;
  try {
    sharedSecret = x25519.getSharedSecret(secretKey, publicKey);
  } catch {
    sharedSecret = new Uint8Array(KEY_LENGTH);
  }
  if (equalBytes(sharedSecret, new Uint8Array(KEY_LENGTH))) {
    throw new SshError("kex-failed", "the peer's curve25519 value is a point of small order, which makes the secret 0");
  }
  return sharedSecret;
}

function secretOf(clientPublicKey: Uint8Array, serverPublicKey: Uint8Array, sharedSecret: Uint8Array): KexSecret {
  return {
    exchange: new Writer().string(clientPublicKey).string(serverPublicKey).finish(),
    // RFC 8731 §3.1: the 32 bytes as they stand, read as a big-endian integer.
    sharedSecret: new Writer().mpintBytes(sharedSecret).finish(),
  };
}
