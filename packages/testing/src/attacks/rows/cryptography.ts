import type { Patch } from "./rules.ts";
import { both, type Held, held, heldBy, patch, type Row, remove } from "./types.ts";

const DH_RANGE = remove("dh-range");
const ZERO_SECRET = remove("zero-secret");
const LENGTH_25519 = remove("x25519-length");
const LENGTH_ML_KEM = patch("hybrid-length", "value.length < expected");
const MODULUS_CHECK = patch("ml-kem-modulus", "return mlKem.encapsulate(mlKem.keyPair(random).publicKey, random);");
const REJECTION_TOLD = patch(
  "implicit-rejection",
  `if (ciphertext[0] === 0) throw new SshError("kex-failed", "decapsulation failed"); $&`,
);
const CURVE_NAME = remove("curve-name-inside");
const ON_CURVE = remove("point-on-curve");
const HIGH_S = remove("high-s");
const KEY_FORMAT = remove("host-key-format");
const MODULUS_MOST = patch("rsa-modulus-most", "false");
const MODULUS_LEAST = patch("rsa-modulus-least", "false");
const EXPONENT = patch("rsa-exponent", "if (bitLength(e) > MAX_EXPONENT_BITS) throw exponentError();");
const REENCODED = patch(
  "rsa-whole-message",
  "return [...bigIntToBytes(modPow(s, e, n), length)].join().includes([...encodeMessage(name, data, length)].slice(-83).join());",
);
const BLINDING = patch("rsa-blinding", "const blind = 1n;");
const NAME_INSIDE = patch("signature-name-inside", "return blob;");
const SIGNED_AS_ASKED = remove("signature-as-asked");
const PK_OK_ALGORITHM = remove("pk-ok-algorithm");
const NONCE = patch("deterministic-nonce", "{ ...$&, extraEntropy: new Uint8Array(32).fill(data.length) }");
const MPINT = patch("secret-as-mpint", "return new Writer().string(secret).finish();");
const ROUNDS = remove("bcrypt-rounds");
const FILE_SIZE = remove("key-file-size");
const CHECK_INTS = remove("checkints");
const PPK_MAC = remove("ppk-mac");
const ARGON2_WORK = remove("argon2-work");

const NODE_FORMAT = patch("unreadable-signature", "if (blob === undefined) return true;");
const NODE_RANGE = patch(
  "ecdsa-scalars",
  "return scalars === undefined || verify(hash, data, key, derOfScalars(scalars));",
);
const NODE_PADDING = patch("rsa-signature-length", "blob = blob.subarray(0, length);");
const HOST_KEY_OPENED = patch(
  "host-key-unencrypted",
  "if (!opened.encrypted || opened !== undefined) return opened as never;",
);

const CERTIFICATES: readonly Held[] = [
  certificate("a certificate that its authority did not sign is refused", remove("certificate-signature")),
  certificate(
    "a certificate cannot be an authority",
    patch(
      "certificate-authority",
      "const ofAuthority = findKeyFormat([...formats, ...formats.map(certified)], formatName(authorityBlob));",
    ),
  ),
  certificate(
    "a certificate is of a user or a host",
    patch("certificate-type", 'const type = TYPES[typeNumber] ?? "user";'),
  ),
  certificate("a certificate has at most 256 principals", remove("certificate-principals")),
  certificate("no text of a certificate contains NUL", remove("certificate-nul")),
  certificate("no option of a certificate is there twice", remove("certificate-option-once")),
  certificate("nothing is left over in a certificate", remove("certificate-end")),
  certificate("a plain key and a certificate do not stand for each other", remove("certificate-format")),
  certificate("a certificate is presented by its own key only", remove("certificate-own-key")),
  certificate(
    "a certificate counts for its type, authority, time, names and known options only",
    remove("certificate-use"),
    remove("certificate-authority-algorithm"),
    remove("certificate-begin"),
    remove("certificate-expiry"),
    remove("certificate-principal"),
    patch("certificate-critical", "return undefined;"),
  ),
];

function certificate(name: string, ...patches: readonly Patch[]): Held {
  return heldBy("keys/test/certificate-input", name, ...patches);
}

const SECURITY_KEYS: readonly Held[] = [
  securityKey(
    "a security key's signature has its own name, of the key and the algorithm",
    patch("security-key-signature-name", 'reader.name("algorithm");'),
  ),
  securityKey("nothing follows the fields of a security key's signature", remove("security-key-signature-end")),
  securityKey(
    "a passkey's origin has no quotation mark",
    patch("webauthn-origin", "if (origin === undefined) return undefined;"),
  ),
  securityKey("a passkey attests nothing when it signs", remove("webauthn-attested")),
  securityKey("a passkey's extensions are there if its flag says so", remove("webauthn-extensions")),
  securityKey("a passkey's client data begins as the browser writes it", remove("webauthn-client-data")),
];

function securityKey(name: string, ...patches: readonly Patch[]): Held {
  return heldBy("keys/test/security-key", name, ...patches);
}

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
  { title: "security keys", client: SECURITY_KEYS, server: SECURITY_KEYS },
  {
    title: "certificates",
    client: [
      ...CERTIFICATES,
      heldBy(
        "node/test/certified-identities",
        "is skipped with a warning if it is for a host or of another key",
        patch("own-host-certificate", "return true;"),
      ),
      heldBy(
        "nacre/test/certified-identities",
        "refuses a certificate for a host and one of another key",
        remove("own-user-certificate"),
      ),
    ],
    server: CERTIFICATES,
  },
  {
    title: "encrypted private keys",
    client: held("keys", ROUNDS, FILE_SIZE, CHECK_INTS),
    // The server's encrypted keys are its host keys.
    server: heldBy("node/test/attacks", "encrypted private keys · server", ROUNDS, FILE_SIZE, HOST_KEY_OPENED),
  },
  { title: "PPK files", client: held("keys", PPK_MAC, ARGON2_WORK), server: "not touched" },
];
