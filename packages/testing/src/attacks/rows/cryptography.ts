import { both, held, heldBy, patch, type Row } from "./types.ts";

const DH_RANGE = patch("kex/modp", "if (peersValue <= 1n || peersValue >= p - 1n)", "if (false)");
const ZERO_SECRET = patch("kex/checked", "if (equalBytes(sharedSecret, zero)) {", "if (false) {");
const LENGTH_25519 = patch("kex/checked", "peersPublicKey.length !== X25519_LENGTH", "false");
const LENGTH_ML_KEM = patch("kex/hybrid", "value.length !== expected", "value.length < expected");
const MODULUS_CHECK = patch(
  "kex/hybrid",
  "return mlKem.encapsulate(publicKey, random);",
  "return mlKem.encapsulate(mlKem.keyPair(random).publicKey, random);",
);
const REJECTION_TOLD = patch(
  "kex/hybrid",
  "return combine(postQuantum.decapsulate(ciphertext)",
  `if (ciphertext[0] === 0) throw new SshError("kex-failed", "decapsulation failed");
          return combine(postQuantum.decapsulate(ciphertext)`,
);
const CURVE_NAME = patch("keys/ecdsa-values", "if (inner !== curve)", "if (false)");
const ON_CURVE = patch("keys/ecdsa-values", "!isPoint(nistCurves[curve], point)", "false");
const HIGH_S = patch(
  "keys/ecdsa",
  "curveOf(curveName).verify(rs, data, point, { lowS: false })",
  "curveOf(curveName).verify(rs, data, point)",
);
const KEY_FORMAT = patch("transport/host-key", "format !== algorithm.keyFormat", "false");
const MODULUS_MOST = patch("keys/rsa-values", "bits < MIN_BITS || bits > MAX_BITS", "bits < MIN_BITS");
const MODULUS_LEAST = patch("keys/rsa-values", "bits < MIN_BITS || bits > MAX_BITS", "bits > MAX_BITS");
const EXPONENT = patch("keys/rsa-values", "e < 3n || e % 2n === 0n || ", "");
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
const FILE_SIZE = patch("keyfiles/plain-private-key", "text.length > maxFileSize", "false");
const CHECK_INTS = patch(
  "keyfiles/openssh-container",
  `reader.uint32("first checkint") !== reader.uint32("second checkint")`,
  `reader.uint32("first checkint") + reader.uint32("second checkint") < 0`,
);

const NODE_FORMAT = patch(
  "node/crypto/verify",
  "if (blob === undefined) return false;",
  "if (blob === undefined) return true;",
);
const NODE_RANGE = patch("node/crypto/verify", "scalars !== undefined && ", "scalars === undefined || ");
const NODE_PADDING = patch(
  "node/crypto/verify",
  "if (blob.length > length) return false;",
  "blob = blob.subarray(0, length);",
);
const HOST_KEY_OPENED = patch(
  "node/host-key-file",
  "if (!opened.encrypted) return opened.privateKey;",
  "if (!opened.encrypted || opened !== undefined) return opened as never;",
);

export const CRYPTOGRAPHY: readonly Row[] = [
  { title: "DH public value", missing: "group exchange", ...both("secrets", DH_RANGE) },
  { title: "X25519", ...both("secrets", ZERO_SECRET, LENGTH_25519) },
  {
    title: "ML-KEM, sntrup",
    missing: "sntrup",
    client: held("secrets", LENGTH_ML_KEM, REJECTION_TOLD),
    server: held("secrets", LENGTH_ML_KEM, MODULUS_CHECK),
  },
  {
    title: "ECDSA",
    client: held("keys", CURVE_NAME, ON_CURVE, HIGH_S, KEY_FORMAT, NODE_RANGE),
    server: held("keys", CURVE_NAME, ON_CURVE, HIGH_S, NODE_RANGE),
  },
  {
    title: "RSA",
    client: held("keys", MODULUS_MOST, MODULUS_LEAST, EXPONENT, REENCODED, BLINDING, NODE_PADDING),
    server: held("keys", MODULUS_MOST, MODULUS_LEAST, EXPONENT, REENCODED, NODE_PADDING),
  },
  {
    title: "signature algorithm",
    client: held("keys", NAME_INSIDE, NODE_FORMAT, SIGNED_AS_ASKED, PK_OK_ALGORITHM),
    server: held("keys", NAME_INSIDE, NODE_FORMAT),
  },
  { title: "nonce bias (CVE-2024-31497)", ...both("keys", NONCE) },
  { title: "shared secret as mpint", ...both("secrets", MPINT) },
  { title: "security keys", missing: "keys of FIDO tokens", client: "not touched", server: "not there yet" },
  { title: "certificates", missing: "certificates", client: "not there yet", server: "not there yet" },
  {
    title: "encrypted private keys",
    client: held("keys", ROUNDS, FILE_SIZE, CHECK_INTS),
    // Its host keys.
    server: heldBy("node/test/attacks", "encrypted private keys · server", ROUNDS, FILE_SIZE, HOST_KEY_OPENED),
  },
];
