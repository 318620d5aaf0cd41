import { type Bytes, cutText, equalBytes, escapeText, matchPattern, SshError } from "@nacre/wire";
import { OPTIONS } from "../authorized-keys.ts";
import { type CivilTime, parseExpiryTime, utcTime } from "../expiry-time.ts";
import { OPTION } from "../key-options.ts";
import { blobOfLine } from "../public-key-line.ts";

/** Key or certificate that made a verified signature. */
export interface Signer {
  /** Blob of the key, or of the certificate. */
  readonly publicKey: Uint8Array;
  /** Content of the certificate, whose authority's signature is verified; absent for a plain key. */
  readonly certificate?: SignerCertificate | undefined;
}

/** Fields of a certificate that a list of signers checks. */
export interface SignerCertificate {
  readonly type: "user" | "host";
  readonly principals: readonly string[];
  /** Start of its validity in seconds since 1970-01-01 UTC, inclusive. */
  readonly validAfter: bigint;
  /** End of its validity in seconds since 1970-01-01 UTC, exclusive. */
  readonly validBefore: bigint;
  /** Public key blob of the authority. */
  readonly authority: Uint8Array;
}

/** Use of a signature. */
export interface SignatureUse {
  readonly namespace: string;
  /** Time for which the signer must be valid, in milliseconds since 1970-01-01 UTC. */
  readonly time: number;
}

/** Why a line does not allow a signature. */
export type SignerRefusal =
  /** `namespaces=` does not match. */
  | "namespace"
  /** Before `valid-after=`, or before the certificate's validity. */
  | "not-yet-valid"
  /** After `valid-before=`, or after the certificate's validity. */
  | "expired"
  /** A host certificate, or one that does not name the identity. */
  | "certificate";

/** Whether a signer may sign for an identity. `line` is a line number from 1. */
export type SignerCheck =
  | { readonly allowed: true; readonly line: number }
  | {
      readonly allowed: false;
      /** One reason for each line with the identity and the key; empty if no line has both. */
      readonly reasons: readonly { readonly line: number; readonly reason: SignerRefusal }[];
    };

/** Parsed list of signers (ssh-keygen(1), ALLOWED SIGNERS). */
export interface AllowedSigners {
  /** Lines that are not used, because they are malformed or have an unknown option. `problem` is safe to show. */
  readonly problems: readonly { readonly line: number; readonly problem: string }[];
  /** Checks whether a signer may sign for an identity, such as `"alice@example.org"`. The first line that allows it counts. */
  check(identity: string, signer: Signer, use: SignatureUse): SignerCheck;
  /**
   * Returns the names of the first line that allows the signer at this time, in any namespace: its patterns as written, or the principals
   * of a certificate that they match. `undefined` if no line does. A pattern does not say who signed, so {@link check} must follow.
   */
  findPrincipals(signer: Signer, time: number): string | undefined;
  /**
   * Returns the patterns, as written, of each line that matches an identity. Throws `file-malformed` if such a line is malformed, as
   * ssh-keygen then finds nothing.
   */
  matchPrincipals(identity: string): readonly string[];
}

interface Options {
  readonly authority: boolean;
  readonly namespaces: string | undefined;
  /** Milliseconds since 1970-01-01 UTC; both ends are included. */
  readonly validAfter: number;
  readonly validBefore: number;
}

type Line = { readonly principals: string; readonly blob: Bytes } & Options;

/** A malformed line. `principals` are its patterns, or `undefined` if they cannot be read either. */
interface Malformed {
  readonly principals: string | undefined;
  readonly problem: string;
}

/**
 * Parses a list of signers: in each line patterns of identities, options and a public key. A line that is malformed or has an unknown
 * option is reported and not used. `localTime` converts local time to milliseconds since 1970-01-01 UTC. Without it, all times count as
 * UTC.
 */
export function parseAllowedSigners(text: string, localTime: (time: CivilTime) => number = utcTime): AllowedSigners {
  const lines: (Line & { readonly line: number })[] = [];
  const malformed: (Malformed & { readonly line: number })[] = [];
  for (const [index, content] of text.split("\n").entries()) {
    const parsed = parseLine(content.replace(/^[ \t\r]+|\r$/g, ""), localTime);
    if (parsed === undefined) continue;
    if ("problem" in parsed) malformed.push({ ...parsed, line: index + 1 });
    else lines.push({ ...parsed, line: index + 1 });
  }
  return {
    problems: malformed.map(({ line, problem }) => ({ line, problem })),
    check(identity, signer, { namespace, time }) {
      const reasons: { line: number; reason: SignerRefusal }[] = [];
      for (const one of lines) {
        // rule: signer-identity
        if (!matchesList(identity, one.principals)) continue;
        if (!holds(one, signer)) continue;
        const reason =
          certificateRefusal(one, signer, identity, time) ?? namespaceRefusal(one, namespace) ?? timeRefusal(one, time);
        if (reason === undefined) return { allowed: true, line: one.line };
        reasons.push({ line: one.line, reason });
      }
      return { allowed: false, reasons };
    },
    findPrincipals(signer, time) {
      for (const one of lines) {
        if (!holds(one, signer) || timeRefusal(one, time) !== undefined) continue;
        if (!one.authority) return one.principals;
        const names = one.principals
          .split(",")
          .flatMap((pattern) => signer.certificate!.principals.filter((name) => matchPattern(name, pattern)))
          .filter((name) => matchesList(name, one.principals) && !certificateRefusal(one, signer, name, time));
        if (names.length > 0) return names.join(",");
      }
      return undefined;
    },
    matchPrincipals(identity) {
      for (const { principals, line, problem } of malformed)
        if (principals === undefined || matchesList(identity, principals))
          throw new SshError("file-malformed", `line ${line}: ${problem}`);
      return lines.filter(({ principals }) => matchesList(identity, principals)).map(({ principals }) => principals);
    },
  };
}

/** Returns whether a line has the signer's key, or the authority of its certificate. */
function holds({ authority, blob }: Line, { publicKey, certificate }: Signer): boolean {
  // rule: signer-authority
  if (authority) return certificate !== undefined && equalBytes(blob, certificate.authority);
  return equalBytes(blob, publicKey);
}

/** Judges a certificate by its authority's line. The line of the certificate itself allows it as a plain key is allowed. */
function certificateRefusal(
  { authority }: Line,
  { certificate }: Signer,
  identity: string,
  time: number,
): SignerRefusal | undefined {
  if (!authority || certificate === undefined) return undefined;
  const { type, principals, validAfter, validBefore } = certificate;
  const seconds = BigInt(Math.floor(time / 1000));
  // The certificate must have this very name: its principals are not patterns.
  if (/* rule: signer-certificate */ type !== "user" || !principals.includes(identity)) return "certificate";
  if (/* rule: signer-certificate-early */ seconds < validAfter) return "not-yet-valid";
  return /* rule: signer-certificate-late */ seconds >= validBefore ? "expired" : undefined;
}

function namespaceRefusal({ namespaces }: Line, namespace: string): SignerRefusal | undefined {
  return /* rule: signer-namespace */ namespaces !== undefined && !matchesList(namespace, namespaces)
    ? "namespace"
    : undefined;
}

function timeRefusal({ validAfter, validBefore }: Line, time: number): SignerRefusal | undefined {
  // Compare whole seconds: a key is still valid during its last second.
  const seconds = Math.floor(time / 1000) * 1000;
  if (/* rule: signer-early */ seconds < validAfter) return "not-yet-valid";
  return /* rule: signer-expired */ seconds > validBefore ? "expired" : undefined;
}

/** Returns whether a text matches a list of patterns. A matching pattern with a leading `!` refuses the text (ssh_config(5), PATTERNS). */
function matchesList(text: string, list: string): boolean {
  const patterns = list.split(",");
  return (
    patterns.some((pattern) => !pattern.startsWith("!") && matchPattern(text, pattern)) &&
    !patterns.some((pattern) => /* rule: signer-not */ pattern.startsWith("!") && matchPattern(text, pattern.slice(1)))
  );
}

/** Parses one line. Returns `undefined` for an empty line or a comment. */
function parseLine(text: string, localTime: (time: CivilTime) => number): Line | Malformed | undefined {
  if (text === "" || text.startsWith("#")) return undefined;
  const [, quoted, bare, rest] = /^(?:"([^"]*)"|([^ \t"]+))(?:[ \t]+(.*))?$/s.exec(text) ?? [];
  const principals = quoted ?? bare;
  if (principals === undefined || rest === undefined)
    return { principals, problem: "expected names, options and a public key" };
  const alone = parseKey(rest);
  if (typeof alone !== "string") return { principals, blob: alone, ...NO_OPTIONS };
  const words = OPTIONS.exec(rest)?.[0] ?? "";
  const blob = parseKey(rest.slice(words.length).trimStart());
  // The first problem says more if the line has no options.
  if (typeof blob === "string")
    return { principals, problem: /^(?:ssh-|ecdsa-|sk-)[^ \t"=,]*$/.test(words) ? alone : blob };
  const options = parseSignerOptions(words, localTime);
  return typeof options === "string" ? { principals, problem: options } : { principals, blob, ...options };
}

function parseKey(text: string): Bytes | string {
  const [, format, base64] = /^([^ \t]+)[ \t]+([^ \t]+)/.exec(text) ?? [];
  if (format === undefined || base64 === undefined) return "a public key is missing";
  const blob = blobOfLine(format, base64);
  return typeof blob === "string" ? `the key ${blob}` : blob;
}

const NO_OPTIONS: Options = {
  authority: false,
  namespaces: undefined,
  validAfter: Number.NEGATIVE_INFINITY,
  validBefore: Number.POSITIVE_INFINITY,
};

function parseSignerOptions(text: string, localTime: (time: CivilTime) => number): Options | string {
  let authority = false;
  const values = new Map<string, string>();
  for (let rest = text; rest !== ""; ) {
    const [whole, written, quoted] = OPTION.exec(rest) ?? [];
    if (whole === undefined || written === undefined) return `malformed option at "${escapeText(cutText(rest, 40))}"`;
    const name = written.toLowerCase();
    if (name === "cert-authority" && quoted === undefined) authority = true;
    else if (["namespaces", "valid-after", "valid-before"].includes(name) && quoted !== undefined) {
      if (values.has(name)) return `${name} is given more than once`;
      values.set(name, quoted.slice(1, -1).replaceAll('\\"', '"'));
    } else {
      // rule: signer-option
      return `unknown option ${escapeText(cutText(name, 40))}`;
    }
    rest = rest.slice(whole.length);
    if (rest === ",") return "a comma ends the options";
    rest = rest.slice(1);
  }
  const times = { "valid-after": NO_OPTIONS.validAfter, "valid-before": NO_OPTIONS.validBefore };
  for (const name of ["valid-after", "valid-before"] as const) {
    const value = values.get(name);
    if (value === undefined) continue;
    const time = parseExpiryTime(value);
    if (time === undefined) return `${name} is not a valid time`;
    times[name] = time.utc ? utcTime(time) : localTime(time);
  }
  const { "valid-after": validAfter, "valid-before": validBefore } = times;
  if (validBefore <= validAfter) return "valid-before is not after valid-after";
  return { authority, namespaces: values.get("namespaces"), validAfter, validBefore };
}
