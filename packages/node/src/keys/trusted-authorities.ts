import { findPrincipal, holdsKey, judgeCertificate, type PrincipalsLine } from "@nacre/keyfiles/internal";
import { escapeText } from "@nacre/wire";
import { type CertificateLogin, type LoginDecision, usage } from "nacre/extend";
import { showPath } from "../windows/system.ts";
import { accountHome } from "./account.ts";
import type { AuthorizedKeysOptions } from "./authorized-keys.ts";
import { certificateText } from "./certified-identity.ts";
import { grant, type LoginFile, localTime, type ProblemLog, readLoginFile } from "./login-files.ts";

/** Throws `usage` for a path with another token than `%h`, `%u`, `%U` and `%%`. */
export function checkPrincipalsPath(path: string | undefined): void {
  const rest = path?.replaceAll(TOKEN, "");
  if (path === "" || rest?.includes("%"))
    throw usage(
      `\`authorizedPrincipalsFile\` is "${escapeText(path!)}"; expected a path with the tokens %h, %u, %U and %%`,
    );
}

/** Decides about a certificate by the files of trusted authorities and of principals (sshd_config(5), TrustedUserCAKeys). */
export async function decideByAuthority(
  login: CertificateLogin,
  options: AuthorizedKeysOptions,
  problems: ProblemLog,
): Promise<LoginDecision> {
  const { certificate, user } = login;
  const { trustedUserCAKeys, authorizedPrincipalsFile, home, maxFileBytes, warn = () => {}, now = Date.now } = options;
  if (trustedUserCAKeys === undefined) return false;
  const trusted = await readLoginFile(trustedUserCAKeys, { home, maxBytes: maxFileBytes }, problems);
  if (trusted === undefined) problems.report(trustedUserCAKeys, "", " cannot be used: no authority is trusted");
  // rule: trusted-authority-file
  if (trusted === undefined || !holdsKey(trusted.text, certificate.authority.blob)) return false;
  const place: Place =
    authorizedPrincipalsFile === undefined
      ? { principals: [user], file: trusted, found: undefined }
      : await principalsOf(login, { ...options, authorizedPrincipalsFile }, problems);
  const { file, found } = place;
  const verdict = judgeCertificate(certificate, {
    principals: place.principals,
    line: found?.options,
    address: login.remoteAddress,
    now: now(),
    localTime,
  });
  if (verdict.restrictions === undefined) {
    const at = found === undefined ? "" : `:${found.line}`;
    warn(
      `${showPath(file?.path ?? trusted.path)}${at} does not accept ${certificateText(certificate)}: ${verdict.problem}`,
    );
    return false;
  }
  const { path, version } = file ?? trusted;
  return grant(verdict.restrictions, { path, version, line: found?.line }, options, problems);
}

/** The principals that may log in as the user, the file that says so, and its line. */
interface Place {
  readonly principals: readonly string[];
  readonly file: LoginFile | undefined;
  readonly found: PrincipalsLine | undefined;
}

/** Finds the certificate in the user's principals file. A user without such a file has no principals: the user's name does not count. */
async function principalsOf(
  { user, certificate }: CertificateLogin,
  options: AuthorizedKeysOptions & { readonly authorizedPrincipalsFile: string },
  problems: ProblemLog,
): Promise<Place> {
  const { home, maxFileBytes, owner: owners } = options;
  const owner = typeof owners === "function" ? owners(user) : owners;
  const path = principalsPath(options.authorizedPrincipalsFile, { user, home, owner });
  const file =
    path === undefined ? undefined : await readLoginFile(path, { owner, home, maxBytes: maxFileBytes }, problems);
  if (file === undefined) return { principals: [], file, found: undefined };
  const { found, problems: unusable } = findPrincipal(file.text, certificate);
  for (const { line, problem } of unusable) problems.report(file.path, file.version, `:${line} is ignored: ${problem}`);
  return { principals: found === undefined ? [] : [found.principal], file, found };
}

/** Returns the path of a user's principals file. A name that could lead elsewhere has none. */
function principalsPath(
  pattern: string,
  {
    user,
    home = accountHome(),
    owner = process.getuid?.(),
  }: {
    readonly user: string;
    readonly home: string | undefined;
    readonly owner: number | undefined;
  },
): string | undefined {
  // rule: principals-path-user
  if (/[/\\\0]|^\.{0,2}$/.test(user)) return undefined;
  const tokens: Readonly<Record<string, string>> = { "%%": "%", "%h": home ?? "", "%u": user, "%U": `${owner}` };
  return pattern.replaceAll(TOKEN, (token) => tokens[token]!);
}

const TOKEN = /%[%huU]/g;
