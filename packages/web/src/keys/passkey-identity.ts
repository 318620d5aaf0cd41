import { type Bytes, SshError } from "@nacre/wire";
import { checkOptions, checkSignal, type OptionRows } from "nacre/extend";
import { base64urlDecode } from "./base64url.ts";
import { checkChoice, checkPromptOptions, PROMPT_TIMEOUT, PromptRefused, requestCredential } from "./credentials.ts";
import { publicKeyLine, type WebIdentity } from "./identity.ts";
import { DEGREES, type Passkey, type UserVerification } from "./passkey.ts";
import { parsePasskeyLine, WEBAUTHN_ALGORITHM } from "./passkey-public-key.ts";
import { webauthnSignature } from "./webauthn-signature.ts";

/** Options of `passkeyIdentity`. */
export interface PasskeyIdentityOptions {
  /** User verification; default `"preferred"`. A key with `verify-required` in authorized_keys needs `"required"`. */
  readonly userVerification?: UserVerification | undefined;
  /**
   * Action if the user closes the prompt, lets it time out, or has no such passkey. `"fail"` ends the login with `auth-cancelled`;
   * `"next-key"` continues with the next identity or authentication method. Default `"fail"`.
   */
  readonly whenRefused?: "fail" | "next-key" | undefined;
  /** Time in milliseconds after which the prompt counts as refused. Default 120,000, which equals sshd's login timeout. */
  readonly timeout?: number | undefined;
}

const PASSKEY_IDENTITY_OPTIONS: OptionRows<PasskeyIdentityOptions> = {
  userVerification: true,
  whenRefused: true,
  timeout: true,
};

/**
 * Creates an identity from a passkey, for the `identities` option of `connect`. At each login the browser prompts the user after the server
 * accepts the public key. The prompt closes when the login ends.
 *
 * OpenSSH 10.3 and later accept passkeys by default. OpenSSH 8.4 and later accept them with `PubkeyAcceptedAlgorithms
 * +webauthn-sk-ecdsa-sha2-nistp256@openssh.com` in sshd_config. Throws `key-malformed` or `key-unsupported` if `passkey` is not a result of
 * `createPasskey`.
 */
export function passkeyIdentity(passkey: Passkey, options: PasskeyIdentityOptions = {}): WebIdentity {
  checkOptions(options, PASSKEY_IDENTITY_OPTIONS, "passkeyIdentity");
  const { userVerification = "preferred", whenRefused = "fail", timeout = PROMPT_TIMEOUT } = options;
  checkPromptOptions({ timeout });
  checkChoice("userVerification", userVerification, DEGREES);
  checkChoice("whenRefused", whenRefused, ["fail", "next-key"]);
  const { publicKey, rpId } = parsePasskeyLine(passkey.publicKey);
  const credential = descriptorOf(passkey);

  return {
    publicKey,
    comment: `passkey of ${rpId}`,
    authorizedKeysLine: (comment) => publicKeyLine(publicKey, comment),
    async sign(algorithm, data, signal) {
      if (algorithm !== WEBAUTHN_ALGORITHM)
        throw new SshError(
          "key-unsupported",
          `a passkey cannot sign with ${algorithm}, only with ${WEBAUTHN_ALGORITHM}`,
        );
      checkSignal(signal);
      // OpenSSH uses the data itself as the challenge, not its hash.
      const challenge = new Uint8Array(data);
      const request: PublicKeyCredentialRequestOptions = {
        challenge,
        rpId,
        allowCredentials: [credential],
        userVerification,
        timeout,
      };
      try {
        const { response } = await requestCredential(rpId, { signal, timeout }, (credentials, over) =>
          credentials.get({ publicKey: request, signal: over }),
        );
        return webauthnSignature(challenge, bytesOf(response as AuthenticatorAssertionResponse));
      } catch (error) {
        if (whenRefused === "next-key" && error instanceof PromptRefused) return undefined;
        throw error;
      }
    },
  };
}

function descriptorOf({ credentialId, transports }: Passkey): PublicKeyCredentialDescriptor {
  const id = typeof credentialId === "string" ? base64urlDecode(credentialId) : undefined;
  if (id === undefined || id.length === 0)
    throw new SshError(
      "key-malformed",
      "the passkey's credentialId is not base64url: keep what createPasskey returned",
    );
  return { type: "public-key", id, ...(transports && { transports: transports as AuthenticatorTransport[] }) };
}

function bytesOf(
  response: AuthenticatorAssertionResponse,
): Record<"authenticatorData" | "clientDataJSON" | "signature", Bytes> {
  return {
    authenticatorData: new Uint8Array(response.authenticatorData),
    clientDataJSON: new Uint8Array(response.clientDataJSON),
    signature: new Uint8Array(response.signature),
  };
}
