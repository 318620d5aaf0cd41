import {
  type ECKeyPairOptions,
  type ED25519KeyPairOptions,
  generateKeyPair as generatePair,
  generateKeyPairSync as generatePairSync,
  type RSAKeyPairOptions,
} from "node:crypto";
import { formatPrivateKey, formatPublicKeyLine } from "@nacre/keyfiles";
import { openPlainPrivateKey } from "@nacre/keyfiles/internal";
import { nodePrivateKey } from "@nacre/node";
import { inSlices, platformRandom } from "nacre/extend";
import { runToEnd } from "./key-text.ts";
import { FILE_CIPHERS } from "./openssh-file.ts";
import { minRsaBits } from "./rsa-size.ts";

/** Options of {@link generateKeyPair}. */
export interface KeyPairOptions {
  /** Size of an RSA key, at most 16,384, or of an ECDSA key: 256, 384 or 521. */
  readonly bits?: number;
  readonly comment?: string;
  /** OpenSSH's format, the only one. */
  readonly format?: "new";
  readonly passphrase?: string | Buffer;
  /** Cipher for the passphrase, such as `"aes256-cbc"`. Required with one. */
  readonly cipher?: string;
  /** Rounds of bcrypt; default 16. */
  readonly rounds?: number;
}

/** A new key as the texts of two files. */
export interface KeyPair {
  readonly private: string;
  /** One line without a line end. */
  readonly public: string;
}

const DEFAULT_ROUNDS = 16;
const MAX_RSA_BITS = 16_384;
const CURVES: Readonly<Record<number, string>> = { 256: "prime256v1", 384: "secp384r1", 521: "secp521r1" };
const ENCODINGS = {
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
} as const;

/** Makes a key of type `"rsa"`, `"ecdsa"` or `"ed25519"` in OpenSSH's format. Throws for invalid arguments, in ssh2's words. */
export function generateKeyPairSync(type: string, options?: KeyPairOptions): KeyPair {
  const { kind, settings } = readType(type, options);
  const { privateKey } = generatePairSync(kind as "rsa", settings as RSAKeyPairOptions<"pem", "pem">);
  return runToEnd(writePair(privateKey, options));
}

/**
 * Makes a key like {@link generateKeyPairSync}, without blocking. Throws for an invalid type or size; other errors are the callback's.
 */
export function generateKeyPair(type: string, options?: KeyPairOptions | PairCallback, callback?: PairCallback): void {
  const done = typeof options === "function" ? options : typeof callback === "function" ? callback : () => {};
  const given = typeof options === "function" ? undefined : options;
  const { kind, settings } = readType(type, given);
  generatePair(kind as "rsa", settings as RSAKeyPairOptions<"pem", "pem">, (error, _publicKey, privateKey) => {
    if (error !== null) return done(error);
    // Leaves the promise first, so that an exception of the callback is uncaught, not a rejection.
    inSlices(writePair(privateKey, given)).then(
      (pair) => process.nextTick(done, null, pair),
      (failure: Error) => process.nextTick(done, failure),
    );
  });
}

type PairCallback = (error: Error | null, pair?: KeyPair) => void;

type Settings =
  | { readonly kind: "rsa"; readonly settings: RSAKeyPairOptions<"pem", "pem"> }
  | { readonly kind: "ec"; readonly settings: ECKeyPairOptions<"pem", "pem"> }
  | { readonly kind: "ed25519"; readonly settings: ED25519KeyPairOptions<"pem", "pem"> };

function readType(type: unknown, options: KeyPairOptions | undefined): Settings {
  if (typeof type !== "string") throw new TypeError("Key type must be a string");
  switch (type.toLowerCase()) {
    case "rsa": {
      const bits = bitsOf(options, "RSA");
      if (bits <= 0 || bits > MAX_RSA_BITS) throw new RangeError("RSA bits must be non-zero and <= 16384");
      return { kind: "rsa", settings: { modulusLength: bits, ...ENCODINGS } };
    }
    case "ecdsa": {
      const namedCurve = CURVES[bitsOf(options, "ECDSA")];
      if (namedCurve === undefined) throw new Error("ECDSA bits must be 256, 384, or 521");
      return { kind: "ec", settings: { namedCurve, ...ENCODINGS } };
    }
    case "ed25519":
      return { kind: "ed25519", settings: ENCODINGS };
    default:
      throw new Error(`Unsupported key type: ${type}`);
  }
}

function bitsOf(options: KeyPairOptions | null | undefined, name: string): number {
  if (typeof options !== "object" || options === null) throw new TypeError(`Missing options object for ${name} key`);
  if (!Number.isInteger(options.bits)) throw new TypeError(`${name} bits must be an integer`);
  return options.bits!;
}

/** Writes the files of a key in PKCS#8. Yields every few milliseconds. */
function* writePair(pkcs8: string, options: KeyPairOptions | null | undefined): Generator<void, KeyPair> {
  const { comment: given, format = "new", passphrase, cipher, rounds } = options ?? {};
  const comment = typeof given === "string" ? given : "";
  const encryption = passphrase ? readEncryption(passphrase, cipher, rounds) : {};
  if (typeof format === "string" && format !== "new" && (format as string) !== "")
    throw new Error("Invalid output key format");
  const { privateKey } = openPlainPrivateKey(pkcs8, nodePrivateKey, { minRsaBits: minRsaBits() })!;
  const text = yield* formatPrivateKey(privateKey, {
    format: "openssh",
    comment,
    random: platformRandom,
    ...encryption,
  });
  return { private: text, public: formatPublicKeyLine(privateKey.publicKey, comment) };
}

function readEncryption(passphrase: unknown, cipher: unknown, rounds: unknown): Encryption {
  if (typeof passphrase !== "string" && !Buffer.isBuffer(passphrase)) throw new Error("Invalid passphrase");
  if (cipher === undefined) throw new Error("Missing cipher name");
  if (typeof cipher !== "string" || !FILE_CIPHERS.includes(cipher)) throw new Error("Invalid cipher name");
  if (rounds !== undefined && !Number.isInteger(rounds)) throw new TypeError("rounds must be an integer");
  return {
    passphrase: new Uint8Array(Buffer.from(passphrase)),
    cipher,
    rounds: typeof rounds === "number" && rounds > 0 ? rounds : DEFAULT_ROUNDS,
  };
}

interface Encryption {
  readonly passphrase: Uint8Array;
  readonly cipher: string;
  readonly rounds: number;
}
