import { type Bytes, SshError } from "@nacre/wire";
import { checkNames, checkSignal, type OptionNames } from "nacre/internal";
import { base64urlDecode } from "./base64url.ts";
import { checkChoice, checkPromptOptions, PROMPT_TIMEOUT, PromptRefused, requestCredential } from "./credentials.ts";
import { publicKeyLine, type WebIdentity } from "./identity.ts";
import { DEGREES, type Passkey, type UserVerification } from "./passkey.ts";
import { parsePasskeyLine, WEBAUTHN_ALGORITHM } from "./passkey-public-key.ts";
import { webauthnSignature } from "./webauthn-signature.ts";

/** How a passkey logs in. */
export interface PasskeyIdentityOptions {
  /** Default `"preferred"`. A key with `verify-required` in authorized_keys needs `"required"`. */
  readonly userVerification?: UserVerification | undefined;
  /**
   * What follows if the user closes the browser's prompt, lets it time out, or has no such passkey: `"fail"` ends the login with
   * `auth-cancelled`, `"next-key"` goes on with the next identity, or another way to log in. Default `"fail"`.
   */
  readonly whenRefused?: "fail" | "next-key" | undefined;
  /** Milliseconds until the browser's prompt counts as refused. Default 120,000, sshd's own time for a login. */
  readonly timeout?: number | undefined;
}

const PASSKEY_IDENTITY_OPTIONS: OptionNames<PasskeyIdentityOptions> = {
  userVerification: true,
  whenRefused: true,
  timeout: true,
};

/**
 * Makes an identity of a passkey, for the option `identities` of `connect`. The browser asks its user at each login, once the server has said
 * that it would take the key, and stops asking when the login is over. OpenSSH takes such keys by default from 10.3 on, and from
 * 8.4 with `PubkeyAcceptedAlgorithms +webauthn-sk-ecdsa-sha2-nistp256@openssh.com` in sshd_config. Throws `key-malformed` or
 * `key-unsupported` for what `createPasskey` did not return.
 */
export function passkeyIdentity(passkey: Passkey, options: PasskeyIdentityOptions = {}): WebIdentity {
  checkNames(options, PASSKEY_IDENTITY_OPTIONS, "passkeyIdentity");
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
      // OpenSSH wants the data itself as the challenge, not its hash.
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
