import { judgeCertificate, type KeyRestrictions, parsePublicKeyFile, plainAddress } from "@nacre/keyfiles/internal";
import { type Certificate, isCertified, type PublicKey } from "@nacre/keys/internal";
import { equalBytes } from "@nacre/wire";
import { checkOptions, type OptionRows, usage } from "../../options/schema.ts";
import type { Permissions } from "../../users/permissions.ts";
import type { Authenticate, KeyDemands } from "./options.ts";

/** Options of `certificateAuthority`. */
export interface CertificateAuthorityOptions {
  /**
   * Returns the principals that may log in as a user: a certificate must have one of them. They are compared exactly; `undefined` refuses.
   * Default: the user's name.
   */
  readonly principals?:
    | ((user: string) => readonly string[] | undefined | Promise<readonly string[] | undefined>)
    | undefined;
  /** Returns whether a certificate is revoked: itself, its key or its authority. Asked only for one that would be accepted. */
  readonly isRevoked?: ((certificate: Certificate) => boolean | Promise<boolean>) | undefined;
  /**
   * True accepts a security key's signature without a touch, if the certificate has the extension `no-touch-required`. Default: the touch
   * is demanded of all.
   */
  readonly noTouchRequired?: boolean | undefined;
  /** True demands that a security key verified the user, such as by a PIN. Default: only if the certificate says so. */
  readonly verifyRequired?: boolean | undefined;
  /** Returns the current time in milliseconds since 1970; default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

const OPTIONS: OptionRows<CertificateAuthorityOptions> = {
  principals: "function",
  isRevoked: "function",
  noTouchRequired: "boolean",
  verifyRequired: "boolean",
  now: "function",
};

/**
 * Returns an `authenticate` function that accepts users' certificates of these authorities, given by their public keys or the text of their
 * `.pub` files (sshd_config(5), TrustedUserCAKeys). A login gets the permissions that its certificate names. An exception of a function in
 * `options` refuses the login. Throws `usage` for invalid options, and `file-malformed` or a `key-…` error for an invalid key.
 */
export function certificateAuthority(
  keys: readonly (PublicKey | string)[],
  options: CertificateAuthorityOptions = {},
): Authenticate {
  checkOptions({ ...options }, OPTIONS, "`certificateAuthority`");
  if (!Array.isArray(keys)) throw usage("`certificateAuthority` expects an array of public keys, such as [key]");
  const authorities = keys.map((key: PublicKey | string) =>
    typeof key === "string" ? parsePublicKeyFile(key).publicKey : key,
  );
  if (authorities.some(({ format }) => isCertified(format)))
    throw usage("a certificate cannot be an authority; pass the authority's own key");
  const { principals = (user) => [user], isRevoked = () => false, noTouchRequired, verifyRequired, now } = options;
  return async (login) => {
    if (login.method !== "certificate") return false;
    const { certificate, user, remoteAddress } = login;
    // rule: trusted-certificate
    if (!authorities.some(({ blob }) => equalBytes(blob, certificate.authority.blob))) return false;
    const verdict = judgeCertificate(certificate, {
      principals: (await principals(user)) ?? [],
      address: remoteAddress && plainAddress(remoteAddress),
      now: (now ?? Date.now)(),
      noTouchRequired,
    });
    if (verdict.restrictions === undefined) return false;
    // rule: revoked-user-certificate
    return (await isRevoked(certificate)) ? false : keyDecision(verdict.restrictions, verifyRequired);
  };
}

/**
 * Returns the decision that grants what a line of authorized_keys or a certificate permits, without the environment. `verifyRequired`:
 * the server demands of all security keys that they verified the user.
 */
export function keyDecision(
  restrictions: KeyRestrictions,
  verifyRequired = false,
): KeyDemands & { readonly permissions: Permissions } {
  // A server of Nacre has no tunnel devices and no ~/.ssh/rc, so `tunnel=` and `user-rc` have no effect.
  const { command, pty, permitOpen, permitListen, portForwarding, agentForwarding, x11Forwarding } = restrictions;
  const forwarding = { portForwarding, agentForwarding, x11Forwarding };
  return {
    permissions: {
      ...(command !== undefined && { command }),
      // rule: login-pty
      pty,
      // rule: login-permitopen
      ...(permitOpen !== undefined && { permitOpen }),
      // rule: login-permitlisten
      ...(permitListen !== undefined && { permitListen }),
      ...forwarding,
    },
    ...(!restrictions.touchRequired && { noTouchRequired: true }),
    // rule: line-verify-required
    .../* rule: server-verify-required */ ((verifyRequired || restrictions.verifyRequired) && { verifyRequired: true }),
  };
}
