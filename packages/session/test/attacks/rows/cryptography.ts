import { both, held, patch, type Row } from "./types.ts";

const ZERO_SECRET = patch(
  "kex/x25519",
  "if (equalBytes(sharedSecret, new Uint8Array(X25519_LENGTH))) {",
  "if (equalBytes(sharedSecret, new Uint8Array(0))) {",
);
const LENGTH_25519 = patch("kex/x25519", "publicKey.length !== X25519_LENGTH", "false");
const LENGTH_ML_KEM = patch("kex/mlkem768x25519", "value.length !== expected", "value.length < expected");
const MODULUS_CHECK = patch(
  "kex/mlkem768x25519",
  "return ml_kem768.encapsulate(publicKey, message);",
  "return ml_kem768.encapsulate(ml_kem768.keygen(new Uint8Array(64)).publicKey, message);",
);
const REJECTION_TOLD = patch(
  "kex/mlkem768x25519",
  "return combine(ml_kem768.decapsulate(ciphertext, secretKey)",
  `if (ciphertext[0] === 0) throw new SshError("kex-failed", "decapsulation failed");
          return combine(ml_kem768.decapsulate(ciphertext, secretKey)`,
);
const CURVE_NAME = patch("keys/ecdsa", "if (inner !== name)", "if (false)");
const ON_CURVE = patch("keys/ecdsa", "!curve.utils.isValidPublicKey(point, false)", "false");
const HIGH_S = patch("keys/ecdsa", "curve.verify(rs, data, point, { lowS: false })", "curve.verify(rs, data, point)");
const KEY_FORMAT = patch("transport/host-key", "format !== algorithm.keyFormat", "false");
const MODULUS_MOST = patch("keys/rsa", "bits < MIN_BITS || bits > MAX_BITS", "bits < MIN_BITS");
const MODULUS_LEAST = patch("keys/rsa", "bits < MIN_BITS || bits > MAX_BITS", "bits > MAX_BITS");
const EXPONENT = patch("keys/rsa", "e < 3n || e % 2n === 0n || ", "");
const REENCODED = patch(
  "keys/rsa",
  "equalBytes(bigIntToBytes(modPow(s, e, n), length), encodeMessage(name, data, length))",
  `[...bigIntToBytes(modPow(s, e, n), length)].join().includes([...encodeMessage(name, data, length)].slice(-83).join())`,
);
const BLINDING = patch("keys/rsa", "1n + randomBelow(n - 1n, random)", "1n");
const NAME_INSIDE = patch("keys/signature", "name === algorithm ? blob : undefined", "blob");
const SIGNED_AS_ASKED = patch("auth/client/publickey", "if (made !== algorithm)", "if (false)");
const PK_OK_ALGORITHM = patch("auth/client/publickey", "if (algorithm !== state.algorithm)", "if (false)");
const NONCE = patch(
  "keys/ecdsa",
  "curve.sign(data, secret, { lowS: false })",
  "curve.sign(data, secret, { lowS: false, extraEntropy: new Uint8Array(32).fill(data.length) })",
);
const MPINT = patch("kex/two-strings", "new Writer().mpintBytes(secret)", "new Writer().string(secret)");
const ROUNDS = patch("keyfiles/openssh-key", "if (rounds > limits.maxBcryptRounds)", "if (false)");
const FILE_SIZE = patch("keyfiles/open-private-key", "text.length > allowed.maxFileSize", "false");
const CHECK_INTS = patch(
  "keyfiles/openssh-key",
  `reader.uint32("first checkint") !== reader.uint32("second checkint")`,
  `reader.uint32("first checkint") + reader.uint32("second checkint") < 0`,
);

export const CRYPTOGRAPHY: readonly Row[] = [
  { title: "DH public value", client: "not there yet", server: "not there yet" },
  { title: "X25519", ...both("secrets", ZERO_SECRET, LENGTH_25519) },
  {
    title: "ML-KEM, sntrup",
    missing: "sntrup",
    client: held("secrets", LENGTH_ML_KEM, REJECTION_TOLD),
    server: held("secrets", LENGTH_ML_KEM, MODULUS_CHECK),
  },
  {
    title: "ECDSA",
    client: held("keys", CURVE_NAME, ON_CURVE, HIGH_S, KEY_FORMAT),
    server: held("keys", CURVE_NAME, ON_CURVE, HIGH_S),
  },
  {
    title: "RSA",
    client: held("keys", MODULUS_MOST, MODULUS_LEAST, EXPONENT, REENCODED, BLINDING),
    server: held("keys", MODULUS_MOST, MODULUS_LEAST, EXPONENT, REENCODED),
  },
  {
    title: "signature algorithm",
    client: held("keys", NAME_INSIDE, SIGNED_AS_ASKED, PK_OK_ALGORITHM),
    server: held("keys", NAME_INSIDE),
  },
  { title: "nonce bias (CVE-2024-31497)", ...both("keys", NONCE) },
  { title: "shared secret as mpint", ...both("secrets", MPINT) },
  { title: "security keys", client: "not touched", server: "not there yet" },
  { title: "certificates", client: "not there yet", server: "not there yet" },
  {
    title: "encrypted private keys",
    client: held("keys", ROUNDS, FILE_SIZE, CHECK_INTS),
    server: "not touched",
  },
];
