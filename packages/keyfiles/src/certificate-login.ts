import { type Certificate, type CertificateProblem, certificateProblem } from "@nacre/keys/internal";
import { cutText, escapeText, Reader, SshError, utf8Decode } from "@nacre/wire";
import { type ClientOrigin, type OriginMatcher, parseNetworks } from "./address-match.ts";
import { type CivilTime, utcTime } from "./expiry-time.ts";
import { type KeyOptions, type KeyRestrictions, parseKeyOptions } from "./key-options.ts";

/*
 * What a user's certificate permits at a server: its own options, and those of the line that trusts its authority or names its principal
 * (sshd(8), draft-ietf-sshm-cert-01).
 */

/** Origin and time of a login. */
export interface KeyUse extends ClientOrigin {
  /** Time of the login in milliseconds since 1970-01-01 UTC. */
  readonly now: number;
  /** Converts local time of the server to milliseconds since 1970-01-01 UTC. Without it, all times count as UTC. */
  readonly localTime?: (time: CivilTime) => number;
}

/** How a server uses a certificate whose authority it trusts. */
export interface CertificateLogin extends KeyUse {
  /** Names of which the certificate must have one: the user's, or those that may log in as the user. Exact, never patterns. */
  readonly principals: readonly string[];
  /** Options of the line that trusts the authority or names the principal. */
  readonly line?: KeyOptions | undefined;
  /** Without a line: whether a certificate may say that a security key need not confirm that the user is present. Default false. */
  readonly noTouchRequired?: boolean | undefined;
}

/** Restrictions of an accepted certificate, or the reason for a refusal, which is safe to show. */
export type CertificateVerdict =
  | { readonly restrictions: KeyRestrictions }
  | { readonly restrictions: undefined; readonly problem: string };

/** Critical options that a server obeys. */
const CRITICAL = ["force-command", "source-address", "verify-required"];

/**
 * Decides what a certificate permits. The caller trusts its authority, has verified that client and authority signed, and knows that
 * neither is revoked. Permissions start from nothing: each needs its extension.
 */
export function judgeCertificate(certificate: Certificate, login: CertificateLogin): CertificateVerdict {
  const { principals, line, now } = login;
  const second = BigInt(Math.floor(now / 1000));
  const problem = certificateProblem(certificate, {
    type: "user",
    now: second,
    // rule: certificate-exact-principal
    isPrincipal: (principal) => principal !== "" && principals.includes(principal),
    criticalOptions: CRITICAL,
  });
  if (problem !== undefined) return refuse(problemText(problem, second));
  const own = certificateOptions(certificate);
  if (typeof own === "string") return refuse(own);
  const options = merged(line ?? withoutLine(login), own);
  if (typeof options === "string") return refuse(options);
  const refusal = keyRefusal(options, login);
  if (refusal === "expired") return refuse("its line has expired");
  return refusal === "from" ? refuse("the client's address is not among those permitted") : options;
}

function refuse(problem: string): CertificateVerdict {
  return { restrictions: undefined, problem };
}

/** The options of a certificate whose authority no line restricts. */
function withoutLine({ noTouchRequired = false }: CertificateLogin): KeyOptions {
  return parseKeyOptions(noTouchRequired ? "no-touch-required" : "") as KeyOptions;
}

/** Returns why a login with these options is refused; `undefined` if it is not. */
export function keyRefusal(options: KeyOptions, use: KeyUse): "from" | "expired" | undefined {
  // rule: key-from
  if (options.from?.(use) === false) return "from";
  // rule: key-expired
  return isExpired(options, use) ? "expired" : undefined;
}

function isExpired({ expiryTimes }: KeyOptions, { now, localTime = utcTime }: KeyUse): boolean {
  // Compare whole seconds, as OpenSSH does; the key is still valid during its last second.
  const second = Math.floor(now / 1000) * 1000;
  return expiryTimes.some(({ utc, ...time }) => (utc ? utcTime(time) : localTime(time)) < second);
}

/** Returns the options of a certificate like those of a line, or a description of the problem. */
function certificateOptions({ criticalOptions, extensions }: Certificate): KeyOptions | string {
  try {
    const command = valueOf(criticalOptions, "force-command");
    const addresses = valueOf(criticalOptions, "source-address");
    const from = addresses === undefined ? undefined : parseNetworks(addresses);
    // rule: certificate-source-address
    if (typeof from === "string") return `its source-address is invalid: ${escapeText(cutText(from, 60))}`;
    return {
      restrictions: {
        command,
        environment: {},
        // rule: certificate-permissions
        pty: isSet(extensions, "permit-pty"),
        portForwarding: isSet(extensions, "permit-port-forwarding"),
        agentForwarding: isSet(extensions, "permit-agent-forwarding"),
        x11Forwarding: isSet(extensions, "permit-X11-forwarding"),
        userRc: isSet(extensions, "permit-user-rc"),
        permitOpen: undefined,
        permitListen: undefined,
        tunnel: undefined,
        touchRequired: !isSet(extensions, "no-touch-required"),
        verifyRequired: isSet(criticalOptions, "verify-required"),
      },
      from,
      expiryTimes: [],
      authority: undefined,
    };
  } catch (error) {
    if (error instanceof SshError) return error.message;
    throw error;
  }
}

function isSet(options: ReadonlyMap<string, Uint8Array>, name: string): boolean {
  const data = options.get(name);
  // rule: certificate-flag-data
  if (data !== undefined && data.length > 0) throw new SshError("key-malformed", `its option ${name} has a value`);
  return data !== undefined;
}

/** Returns the value of an option: one string, and nothing after it. */
function valueOf(options: ReadonlyMap<string, Uint8Array>, name: string): string | undefined {
  const data = options.get(name);
  if (data === undefined) return undefined;
  const reader = new Reader(data, `its option ${name}`, { code: "key-malformed" });
  const value = utf8Decode(reader.string("value"));
  // rule: certificate-option-end
  reader.end();
  if (value === undefined || value.includes("\0"))
    throw new SshError("key-malformed", `its option ${name} is not text without NUL characters`);
  return value;
}

/** Combines the options of a line and of a certificate: what either restricts is restricted. Returns a description of the problem. */
function merged(line: KeyOptions, certificate: KeyOptions): KeyOptions | string {
  const [ours, theirs] = [line.restrictions, certificate.restrictions];
  // rule: certificate-two-commands
  if (ours.command !== undefined && theirs.command !== undefined && ours.command !== theirs.command)
    return "its forced command is another than that of its line";
  const matchers = [line.from, certificate.from].filter((from) => from !== undefined);
  return {
    restrictions: {
      ...ours,
      command: ours.command ?? theirs.command,
      // rule: certificate-both-permit
      pty: ours.pty && theirs.pty,
      portForwarding: ours.portForwarding && theirs.portForwarding,
      agentForwarding: ours.agentForwarding && theirs.agentForwarding,
      x11Forwarding: ours.x11Forwarding && theirs.x11Forwarding,
      userRc: ours.userRc && theirs.userRc,
      // rule: certificate-touch
      touchRequired: ours.touchRequired || theirs.touchRequired,
      verifyRequired: ours.verifyRequired || theirs.verifyRequired,
    },
    // rule: certificate-both-addresses
    from: matchers.length === 0 ? undefined : everyMatcher(matchers),
    expiryTimes: line.expiryTimes,
    authority: undefined,
  };
}

function everyMatcher(matchers: readonly OriginMatcher[]): OriginMatcher {
  return (client) => matchers.every((matches) => matches(client));
}

/** A line of an AuthorizedPrincipalsFile. */
export interface PrincipalsLine {
  /** Line number, from 1. */
  readonly line: number;
  readonly principal: string;
  readonly options: KeyOptions;
}

/**
 * Returns the first line of a principals file that names a principal of the certificate (sshd_config(5), AuthorizedPrincipalsFile), and the
 * problems of lines that are not used. A line is a name, after options as in authorized_keys. `#` starts a comment anywhere.
 */
export function findPrincipal(
  text: string,
  certificate: Certificate,
): {
  readonly found: PrincipalsLine | undefined;
  readonly problems: readonly { readonly line: number; readonly problem: string }[];
} {
  const problems: { line: number; problem: string }[] = [];
  for (const [index, content] of text.split("\n").entries()) {
    const [, optionText = "", principal] = /^(?:(.*)[ \t])?([^ \t]+)$/s.exec(content.replace(/#.*$/s, "").trim()) ?? [];
    if (principal === undefined || !certificate.principals.includes(principal)) continue;
    const line = index + 1;
    const options = parseKeyOptions(optionText.trim());
    // rule: principals-line-options
    if (typeof options === "string") problems.push({ line, problem: options });
    else if (options.authority !== undefined) problems.push({ line, problem: "cert-authority is not for principals" });
    else return { found: { line, principal, options }, problems };
  }
  return { found: undefined, problems };
}

function problemText(problem: CertificateProblem, now: bigint): string {
  switch (problem.reason) {
    case "type":
      return "it is a host's, not a user's";
    case "authority-algorithm":
      return `its authority signed with ${escapeText(cutText(problem.name, 64))}, which is not accepted`;
    case "not-yet-valid":
      return `it is not valid before ${problem.at - now} seconds from now`;
    case "expired":
      return `it expired ${now - problem.at} seconds ago`;
    case "principal":
      return "it names none of the principals permitted for this user";
    case "critical-option":
      return `it has the unknown critical option ${escapeText(cutText(problem.name, 64))}`;
  }
}
