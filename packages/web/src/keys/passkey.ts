import { base64Encode, SshError } from "@nacre/wire";
import { checkOptions, type OptionRows } from "nacre/extend";
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

/** Public data of a passkey, for the page to store as JSON. It contains no secrets. The authenticator cannot restore a lost public key. */
export interface Passkey {
  /** Credential id in unpadded base64url. */
  readonly credentialId: string;
  /** Line for authorized_keys, such as `"sk-ecdsa-sha2-nistp256@openssh.com AAAA…"`. It also contains the rpId. */
  readonly publicKey: string;
  /** Transports that the browser reported for the authenticator, such as `["internal"]` or `["usb"]`. */
  readonly transports?: readonly string[] | undefined;
}

/** Requirement levels of WebAuthn options (WebAuthn §5.4.6, §5.8.6). */
export const DEGREES = ["required", "preferred", "discouraged"] as const;

/** Whether the authenticator verifies its user by PIN or fingerprint, in addition to a touch (WebAuthn §5.8.6). */
export type UserVerification = (typeof DEGREES)[number];

/** Options of `createPasskey`. */
export interface CreatePasskeyOptions extends PromptOptions {
  /** Name of the passkey in the browser's list, such as `"alice@host.example"`. */
  readonly name: string;
  /**
   * Domain of the passkey, without a port: the page's own domain (the default) or a parent domain. Pages of other domains cannot use the
   * passkey, unless `/.well-known/webauthn` of this domain lists their origins (WebAuthn §5.11).
   */
  readonly rpId?: string | undefined;
  /** Name of the site in the browser prompt; default the rpId. */
  readonly rpName?: string | undefined;
  /** User verification; default `"preferred"`. A key with `verify-required` in authorized_keys needs `"required"` at each login. */
  readonly userVerification?: UserVerification | undefined;
  /** Whether the authenticator stores the credential itself, as it does for synced passkeys. Default `"preferred"`. */
  readonly residentKey?: "required" | "preferred" | "discouraged" | undefined;
  /** `"platform"` for this device, `"cross-platform"` for a security key or a phone. By default the user chooses. */
  readonly authenticatorAttachment?: "platform" | "cross-platform" | undefined;
}

const CREATE_PASSKEY_OPTIONS: OptionRows<CreatePasskeyOptions> = {
  name: true,
  rpId: true,
  rpName: true,
  userVerification: true,
  residentKey: true,
  authenticatorAttachment: true,
  timeout: true,
  signal: true,
};

/** The only WebAuthn algorithm with an SSH signature algorithm: ECDSA on P-256 with SHA-256 (COSE −7). */
const ES256 = -7;
/** Prefix of the SubjectPublicKeyInfo of a P-256 key, including the first byte of the uncompressed point, in base64 (RFC 5480 §2). */
const SPKI_P256 = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE";
const SPKI_SIZE = 91;
const POINT_SIZE = 65;

/**
 * Creates a WebAuthn credential for SSH logins. Call it from a click handler, because browsers prompt the user. Rejects with
 * `auth-cancelled` if the user refuses, `aborted`, `usage` if the page may not use the rpId, `key-unsupported` if the authenticator lacks
 * ES256, or `not-supported-here`.
 */
export async function createPasskey(options: CreatePasskeyOptions): Promise<Passkey> {
  checkOptions(options, CREATE_PASSKEY_OPTIONS, "createPasskey");
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
    // A random user id, because an authenticator replaces a stored credential with the same id.
    user: { id: crypto.getRandomValues(new Uint8Array(16)), name, displayName: name },
    // Not verified, because no attestation is requested.
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

/** Returns the uncompressed point of the new key. Throws `key-unsupported` if the key is not on P-256. */
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
