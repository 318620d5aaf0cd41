import { type AuthorizedKeyCheck, parseAuthorizedKeys } from "@nacre/keyfiles/internal";
import type { Authenticate, CertificateLogin, LoginDecision, PublickeyLogin } from "nacre/extend";
import { showPath } from "../windows/system.ts";
import { certificateText } from "./certified-identity.ts";
import { grant, localTime, ProblemLog, readLoginFile } from "./login-files.ts";
import { RevocationFile } from "./revocation-file.ts";
import { checkPrincipalsPath, decideByAuthority } from "./trusted-authorities.ts";

/**
 * Paths of a user's authorized_keys files: either the same for all users, or returned by a function of the user name. A leading `~/` is the
 * home folder of the account that runs the server.
 */
export type AuthorizedKeysFiles =
  | string
  | readonly string[]
  | ((user: string) => AuthorizedKeysPaths | Promise<AuthorizedKeysPaths>);

/** Names of authorized_keys files; `undefined` for a user who has none. */
export type AuthorizedKeysPaths = string | readonly string[] | undefined;

/** Options of `authorizedKeys`. */
export interface AuthorizedKeysOptions {
  /**
   * User id that may own the files and their folders, in addition to root. A function returns the id for each user. Default: the account
   * that runs the server. Required if the server runs as root and serves other accounts.
   */
  readonly owner?: number | ((user: string) => number) | undefined;
  /**
   * Home folder that replaces a leading `~/`; the folders above it are not checked. Default: the home folder of the account that runs the
   * server, from the password database.
   */
  readonly home?: string | undefined;
  /** Maximum size of a file in bytes; a larger file is ignored. Default 4 MiB, about 40,000 Ed25519 keys. */
  readonly maxFileBytes?: number | undefined;
  /**
   * Variables that the option `environment=` may set: none by default, like sshd's PermitUserEnvironment; true permits all. Setting
   * LD_PRELOAD or BASH_ENV would let a user run any command, even if the account is restricted to certain commands.
   */
  readonly permitUserEnvironment?: boolean | ((name: string) => boolean) | undefined;
  /**
   * File with the public keys of authorities, one in each line, whose certificates may log in as the users that they name, like sshd's
   * TrustedUserCAKeys. Only the account that runs the server and root may be able to write it. Default none; `cert-authority` in
   * authorized_keys trusts an authority for one user.
   */
  readonly trustedUserCAKeys?: string | undefined;
  /**
   * File with the principals that may log in as a user, one in each line, like sshd's AuthorizedPrincipalsFile: certificates of
   * `trustedUserCAKeys` must then name one of them; the user's name does not count. `%u` is the user's name, `%U` the id of `owner`,
   * `%h` is `home`, and `%%` a percent sign. A name with a slash or backslash has no file.
   */
  readonly authorizedPrincipalsFile?: string | undefined;
  /**
   * File with revoked keys, like sshd's RevokedKeys: a list of `ssh-keygen -k`, or text with a key in each line. It refuses a key, its
   * certificates and those of an authority. A file that is missing, or that cannot be read or understood, refuses all keys. It is read
   * again when it changes.
   */
  readonly revokedKeys?: string | undefined;
  /**
   * True demands of every security key that it verified the user, such as by a PIN, like `verify-required` of sshd's PubkeyAuthOptions.
   * Default: only where the line or the certificate says so.
   */
  readonly verifyRequired?: boolean | undefined;
  /** Called with a one-line description of each ignored file or line. Safe to display. */
  readonly warn?: ((text: string) => void) | undefined;
  /** Returns the current time in milliseconds since 1970; default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/**
 * Returns an `authenticate` function that accepts the keys in authorized_keys files (sshd(8)). A login gets the permissions of the matching
 * line. A line with an unknown or unenforceable option accepts no login. A file is ignored if a user other than its owner and root can
 * write it, or can replace it by writing a folder above it.
 * Certificates are accepted by lines with `cert-authority`, and by `trustedUserCAKeys`.
 * Files are read again at each login; a missing file counts as empty. Only lines that contain the login's key are parsed. Problems in these
 * lines are reported once until the file changes. A user name can be any text: look it up, never paste it into a path.
 */
export function authorizedKeys(files: AuthorizedKeysFiles, options: AuthorizedKeysOptions = {}): Authenticate {
  checkPrincipalsPath(options.authorizedPrincipalsFile);
  const problems = new ProblemLog(options.warn);
  const { revokedKeys, home } = options;
  const revocation = revokedKeys === undefined ? undefined : new RevocationFile(revokedKeys, home, problems);
  const decideByFiles = async (login: PublickeyLogin | CertificateLogin): Promise<LoginDecision> => {
    if (login.method === "certificate") {
      const byAuthority = await decideByAuthority(login, options, problems);
      if (byAuthority !== false) return byAuthority;
    }
    const paths = typeof files === "function" ? await files(login.user) : files;
    for (const path of typeof paths === "string" ? [paths] : (paths ?? [])) {
      const decision = await decide(path, login, options, problems);
      if (decision !== false) return decision;
    }
    return false;
  };
  return async (login) => {
    if (login.method !== "publickey" && login.method !== "certificate") return false;
    // Both read files at the same time, so that a list of revoked keys delays no login.
    const [isRevoked, decision] = await Promise.all([revocation?.refuses(login), decideByFiles(login)]);
    // rule: revoked-user-key
    if (isRevoked) return false;
    return decision;
  };
}

async function decide(
  path: string,
  login: PublickeyLogin | CertificateLogin,
  options: AuthorizedKeysOptions,
  problems: ProblemLog,
): Promise<LoginDecision> {
  const { warn = () => {}, now = Date.now, owner, home, maxFileBytes } = options;
  const found = await readLoginFile(
    path,
    { owner: typeof owner === "function" ? owner(login.user) : owner, home, maxBytes: maxFileBytes },
    problems,
  );
  if (found === undefined) return false;
  const { text, version } = found;
  // rule: offered-key-only
  const file = parseAuthorizedKeys(
    text,
    login.method === "certificate" ? login.certificate.authority.blob : login.publicKey,
  );
  for (const { line, problem } of file.problems) problems.report(path, version, `:${line} is ignored: ${problem}`);
  const check = file.check(login.method === "certificate" ? login.certificate : login.publicKey, {
    user: login.user,
    address: login.remoteAddress,
    now: now(),
    localTime,
  });
  if (!check.allowed) {
    for (const { line, reason, detail } of check.reasons) {
      const what = login.method === "certificate" ? certificateText(login.certificate) : login.fingerprint;
      const refusal = `:${line} does not accept ${what}: ${detail ?? REASONS[reason](login.remoteAddress)}`;
      if (reason === "problem") problems.report(path, version, refusal);
      else warn(`${showPath(path)}${refusal}`);
    }
    return false;
  }
  return grant(check.key.restrictions, { path, version, line: check.key.line }, options, problems);
}

const REASONS: Readonly<
  Record<
    Extract<AuthorizedKeyCheck, { allowed: false }>["reasons"][number]["reason"],
    (address: string | undefined) => string
  >
> = {
  from: (address) => `its \`from\` option does not match the client's address (${address ?? "unknown"})`,
  expired: () => "its `expiry-time` has passed",
  problem: () => "the line is invalid",
  certificate: () => "the certificate does not count",
};
