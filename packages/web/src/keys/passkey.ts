import { base64Encode, SshError } from "@nacre/wire";
import { checkNames, type OptionNames } from "nacre/internal";
import { base64urlEncode } from "./base64url.ts";
import {
  checkChoice,
  checkPromptOptions,
  PROMPT_TIMEOUT,
  type PromptOptions,
  requestCredential,
} from "./credentials.ts";
import { publicKeyLine } from "./identity.ts";
import { passkeyPublicKey } from "./passkey-public-key.ts";

/**
 * Public data of a passkey, for the page to store. Plain JSON without secrets. A lost public key cannot be recovered from the
 * authenticator.
 */
export interface Passkey {
  /** The credential's id, in unpadded base64url. */
  readonly credentialId: string;
  /** The line for authorized_keys: `"sk-ecdsa-sha2-nistp256@openssh.com AAAA…"`. It holds the rpId, too. */
  readonly publicKey: string;
  /** How the browser reaches the authenticator, as it said itself: `["internal"]`, `["usb"]`. */
  readonly transports?: readonly string[] | undefined;
}

/** How much something is wanted (WebAuthn §5.4.6, §5.8.6). */
export const DEGREES = ["required", "preferred", "discouraged"] as const;

/** Whether the authenticator verifies its user, by a PIN or a fingerprint, beside asking for a touch (WebAuthn §5.8.6). */
export type UserVerification = (typeof DEGREES)[number];

/** How a passkey is made. */
export interface CreatePasskeyOptions extends PromptOptions {
  /** How the browser lists the passkey: `"alice@host.example"`. */
  readonly name: string;
  /**
   * The domain that the passkey belongs to: the page's own, which is the default, or a parent of it, without a port. Pages of other
   * domains cannot use the passkey, unless `/.well-known/webauthn` of this one names their origins (WebAuthn §5.11).
   */
  readonly rpId?: string | undefined;
  /** How the browser names the site. Default: the rpId. */
  readonly rpName?: string | undefined;
  /** Default `"preferred"`. A key with `verify-required` in authorized_keys needs `"required"` at each login. */
  readonly userVerification?: UserVerification | undefined;
  /** Whether the authenticator stores the credential itself, as synced passkeys are. Default `"preferred"`. */
  readonly residentKey?: "required" | "preferred" | "discouraged" | undefined;
  /** `"platform"` for this device, `"cross-platform"` for a security key or a phone. Default: the user chooses. */
  readonly authenticatorAttachment?: "platform" | "cross-platform" | undefined;
}

const CREATE_PASSKEY_OPTIONS: OptionNames<CreatePasskeyOptions> = {
  name: true,
  rpId: true,
  rpName: true,
  userVerification: true,
  residentKey: true,
  authenticatorAttachment: true,
  timeout: true,
  signal: true,
};

/** The one algorithm of WebAuthn that SSH has a signature algorithm for: ECDSA on P-256 with SHA-256 (COSE −7). */
const ES256 = -7;
/** SubjectPublicKeyInfo of a key on P-256, up to the uncompressed point (RFC 5480 §2). */
const SPKI_P256 = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE";
const SPKI_SIZE = 91;
const POINT_SIZE = 65;

/**
 * Makes a WebAuthn credential to log in with. Call it from a click: browsers ask their user. Rejects with `auth-cancelled` if the user
 * refuses, `aborted`, `usage` if the page may not use the rpId, `key-unsupported` if the authenticator has no ES256, or
 * `not-supported-here`.
 */
export async function createPasskey(options: CreatePasskeyOptions): Promise<Passkey> {
  checkNames(options, CREATE_PASSKEY_OPTIONS, "createPasskey");
  checkPromptOptions(options);
  const { name, timeout = PROMPT_TIMEOUT, authenticatorAttachment } = options;
  checkChoice("userVerification", options.userVerification, DEGREES);
  checkChoice("residentKey", options.residentKey, DEGREES);
  checkChoice("authenticatorAttachment", authenticatorAttachment, ["platform", "cross-platform"]);
  if (typeof name !== "string" || name === "")
    throw new SshError("usage", 'name is missing: how the browser lists the passkey, such as "alice@host.example"');
  const rpId = options.rpId ?? domainOfPage();
  const publicKey: PublicKeyCredentialCreationOptions = {
    rp: { id: rpId, name: options.rpName ?? rpId },
    // A new id each time: an authenticator replaces a stored credential that has the same one.
    user: { id: crypto.getRandomValues(new Uint8Array(16)), name, displayName: name },
    // Unused: without attestation no party verifies it.
    challenge: crypto.getRandomValues(new Uint8Array(32)),
    pubKeyCredParams: [{ type: "public-key", alg: ES256 }],
    authenticatorSelection: {
      userVerification: options.userVerification ?? "preferred",
      residentKey: options.residentKey ?? "preferred",
      requireResidentKey: options.residentKey === "required",
      ...(authenticatorAttachment && { authenticatorAttachment }),
    },
    attestation: "none",
    timeout,
  };
  const made = await requestCredential(rpId, options, (credentials, signal) =>
    credentials.create({ publicKey, signal }),
  );
  const response = made.response as AuthenticatorAttestationResponse;
  const transports = response.getTransports?.();
  return {
    credentialId: base64urlEncode(new Uint8Array(made.rawId)),
    publicKey: publicKeyLine(passkeyPublicKey(pointOf(response), rpId).publicKey),
    ...(transports && transports.length > 0 && { transports }),
  };
}

/** The uncompressed point of the new key. */
function pointOf(response: AuthenticatorAttestationResponse): Uint8Array {
  const spki = new Uint8Array(response.getPublicKey() ?? new ArrayBuffer(0));
  const isP256 =
    response.getPublicKeyAlgorithm() === ES256 &&
    spki.length === SPKI_SIZE &&
    base64Encode(spki.subarray(0, SPKI_SIZE - POINT_SIZE + 1)) === SPKI_P256;
  if (!isP256)
    throw new SshError(
      "key-unsupported",
      "the authenticator made a key that is not ECDSA on P-256 (ES256), the only kind with an SSH algorithm; use another authenticator",
    );
  return spki.subarray(-POINT_SIZE);
}

function domainOfPage(): string {
  const domain = (globalThis.location as Partial<Location> | undefined)?.hostname;
  if (domain) return domain;
  throw new SshError("usage", 'this page has no domain for the option rpId: name one, such as "host.example"');
}
