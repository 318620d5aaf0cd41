import { copyBytes, type RandomSource, SshError, Writer } from "@nacre/wire";
import { ed25519 as curve } from "@noble/curves/ed25519.js";
import { keyReader, noSuchAlgorithm } from "./blob.ts";
import type { PrivateKey, PublicKey, SignatureAlgorithm } from "./key.ts";
import { readSignature, writeSignature } from "./signature.ts";

const NAME = "ssh-ed25519";
const SIGNATURE_LENGTH = 64;

/** ssh-ed25519 (RFC 8709 §6), verified as RFC 8032 §5.1.7 says: canonical encodings only, no key of small order. */
export const ed25519: SignatureAlgorithm = {
  name: NAME,
  keyFormat: NAME,
  verify(publicKey, data, signature) {
    const point = readPoint(publicKey);
    const blob = readSignature(NAME, signature);
    if (blob?.length !== SIGNATURE_LENGTH) return false;
    return curve.verify(blob, data, point, { zip215: false });
  },
};

/** A public key from its blob, which is copied (RFC 8709 §4). Throws `key-malformed` or `key-weak`. */
export function ed25519PublicKey(blob: Uint8Array): PublicKey {
  readPoint(blob);
  return { format: NAME, blob: copyBytes(blob), bits: 256, algorithms: [ed25519] };
}

/** A private key from its seed: 32 bytes, which are copied (RFC 8032 §5.1.5). Throws `key-malformed`. */
export function ed25519PrivateKey(seed: Uint8Array): PrivateKey {
  if (seed.length !== 32) throw new SshError("key-malformed", `an Ed25519 seed has 32 bytes, not ${seed.length}`);
  const secret = copyBytes(seed);
  const point = curve.getPublicKey(secret);
  return {
    publicKey: ed25519PublicKey(new Writer().string(NAME).string(point).finish()),
    fields: { format: NAME, seed: secret, publicKey: point },
    sign(algorithm, data) {
      if (algorithm !== NAME) throw noSuchAlgorithm(NAME, algorithm);
      return writeSignature(NAME, curve.sign(data, secret));
    },
  };
}

/** A new private key. Takes 32 bytes from `random`. */
export function generateEd25519(random: RandomSource): PrivateKey {
  return ed25519PrivateKey(random(32));
}

function readPoint(blob: Uint8Array): Uint8Array {
  const reader = keyReader(blob, NAME);
  const point = reader.string("public key");
  if (point.length !== 32) reader.fail("public key", `has ${point.length} bytes, not 32`);
  reader.end();
  const decoded = decodePoint(point) ?? reader.fail("public key", "is no point of the curve");
  if (decoded.isSmallOrder())
    throw new SshError("key-weak", `${NAME} key: its point is of small order, so that anybody could sign for it`);
  return point;
}

function decodePoint(bytes: Uint8Array): InstanceType<typeof curve.Point> | undefined {
  try {
    return curve.Point.fromBytes(bytes, false);
  } catch {
    return undefined;
  }
}
