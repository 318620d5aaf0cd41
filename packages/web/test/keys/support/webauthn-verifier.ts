import { createHash, createPublicKey, verify } from "node:crypto";
import type { SignatureAlgorithm } from "@nacre/keys";

// Independent verifier of WebAuthn signatures: it shares no code with the implementation and makes the same checks as OpenSSH's sshd
// (OpenSSH PROTOCOL.u2f, ssh-ecdsa-sk.c, auth2-pubkey.c).

const KEY_FORMAT = "sk-ecdsa-sha2-nistp256@openssh.com";
const ALGORITHM = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const ATTESTED_DATA = 0x40;
const EXTENSION_DATA = 0x80;

/** Options of the key in authorized_keys. */
export interface KeyDemands {
  /** The option `no-touch-required`. */
  readonly noTouchRequired?: boolean;
  /** The option `verify-required`. */
  readonly verifyRequired?: boolean;
}

/** Returns the reason for which sshd rejects the signature, or `undefined` if it accepts it. */
export function refusal(
  key: Uint8Array,
  data: Uint8Array,
  blob: Uint8Array,
  demands: KeyDemands = {},
): string | undefined {
  const keyFields = new Fields(key);
  if (keyFields.text() !== KEY_FORMAT) return "key format";
  if (keyFields.text() !== "nistp256") return "curve";
  const point = keyFields.string();
  const application = keyFields.string();
  if (!keyFields.done) return "key: trailing bytes";

  const fields = new Fields(blob);
  if (fields.text() !== ALGORITHM) return "inner name";
  const scalars = new Fields(fields.string());
  const [r, s] = [scalars.mpint(), scalars.mpint()];
  if (!scalars.done) return "ecdsa signature: trailing bytes";
  const flags = fields.raw(1);
  const counter = fields.raw(4);
  const origin = fields.string();
  const json = fields.string();
  const extensions = fields.string();
  if (!fields.done) return "trailing bytes";

  if (origin.includes('"')) return "origin";
  if ((flags[0]! & ATTESTED_DATA) !== 0) return "AT flag";
  if (((flags[0]! & EXTENSION_DATA) !== 0) !== extensions.length > 0) return "ED flag";
  const challenge = Buffer.from(data).toString("base64url");
  const preamble = Buffer.concat([
    Buffer.from(`{"type":"webauthn.get","challenge":"${challenge}","origin":"`),
    origin,
    Buffer.from('"'),
  ]);
  if (!json.subarray(0, preamble.length).equals(preamble)) return "clientDataJSON";

  const signed = Buffer.concat([sha256(application), flags, counter, extensions, sha256(json)]);
  const x = point.subarray(1, 33).toString("base64url");
  const y = point.subarray(33).toString("base64url");
  const publicKey = createPublicKey({ key: { kty: "EC", crv: "P-256", x, y }, format: "jwk" });
  const signature = Buffer.concat([r, s]);
  if (!verify("sha256", signed, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature)) return "signature";

  if ((flags[0]! & USER_PRESENT) === 0 && !demands.noTouchRequired) return "user presence";
  if ((flags[0]! & USER_VERIFIED) === 0 && demands.verifyRequired) return "user verification";
  return undefined;
}

/** Wraps the verifier as a user key algorithm for a Nacre server. */
export function webauthnAlgorithm(demands: KeyDemands = {}): SignatureAlgorithm {
  return {
    name: ALGORITHM,
    signatureName: ALGORITHM,
    keyFormat: KEY_FORMAT,
    verify: (key, data, signature) => (refusal(key, data, signature, demands) === undefined ? {} : undefined),
  };
}

class Fields {
  #rest: Buffer;

  constructor(bytes: Uint8Array) {
    this.#rest = Buffer.from(bytes);
  }

  get done(): boolean {
    return this.#rest.length === 0;
  }

  raw(length: number): Buffer {
    if (length > this.#rest.length) throw new Error("the signature is cut short");
    const bytes = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return bytes;
  }

  string(): Buffer {
    return this.raw(this.raw(4).readUInt32BE());
  }

  text(): string {
    return this.string().toString("utf8");
  }

  /** Reads a positive number in its shortest form, and returns it as 32 bytes. */
  mpint(): Buffer {
    const bytes = this.string();
    if (bytes.length === 0 || bytes[0]! >= 0x80 || (bytes[0] === 0 && bytes[1]! < 0x80)) throw new Error("mpint form");
    const number = BigInt(`0x${bytes.toString("hex")}`);
    return Buffer.from(number.toString(16).padStart(64, "0"), "hex");
  }
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}
