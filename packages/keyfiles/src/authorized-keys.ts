import type { Certificate } from "@nacre/keys/internal";
import { type Bytes, base64Encode, equalBytes, isBytes } from "@nacre/wire";
import { judgeCertificate, type KeyUse, keyRefusal } from "./certificate-login.ts";
import { type KeyAuthority, type KeyOptions, type KeyRestrictions, parseKeyOptions } from "./key-options.ts";
import { blobOfLine } from "./public-key-line.ts";

/** Usable line of authorized_keys. */
export interface AuthorizedKey {
  /** Line number, from 1. */
  readonly line: number;
  /** Key format, such as `"ssh-ed25519"`. May be a format that this package does not support. */
  readonly format: string;
  readonly blob: Bytes;
  /** Untrusted text; escape it before showing it. */
  readonly comment: string;
  /** Restrictions of the line, or with a certificate of both. */
  readonly restrictions: KeyRestrictions;
  /** Set with `cert-authority`: the line accepts certificates by the key, and not the key. */
  readonly authority: KeyAuthority | undefined;
}

/** Line of authorized_keys that is not used, because it is malformed or has an option that cannot be enforced. */
export interface AuthorizedKeysProblem {
  /** Line number, from 1. */
  readonly line: number;
  /** Description of the problem, safe to show: `"unknown option no-such"`. */
  readonly problem: string;
}

/** Whether a key may log in. `line` in a reason is a line number from 1. */
export type AuthorizedKeyCheck =
  | { readonly allowed: true; readonly key: AuthorizedKey }
  | {
      readonly allowed: false;
      /** One reason for each line with the key; empty if the file does not contain the key. */
      readonly reasons: readonly {
        readonly line: number;
        /**
         * `from`: `from=` does not match the client. `expired`: `expiry-time=` is past. `problem`: the line is not usable. `certificate`:
         * the certificate does not count, as `detail` says.
         */
        readonly reason: "from" | "expired" | "problem" | "certificate";
        /** Why a certificate does not count; safe to show. */
        readonly detail?: string;
      }[];
    };

/** A login with a key. */
export interface AuthorizedKeyUse extends KeyUse {
  /** Name of the user: the principal that a certificate must have. Without it, only lines with `principals=` accept certificates. */
  readonly user?: string | undefined;
}

/** Parsed authorized_keys file. */
export interface AuthorizedKeys {
  readonly keys: readonly AuthorizedKey[];
  readonly problems: readonly AuthorizedKeysProblem[];
  /**
   * Checks whether a key may log in, given its blob; or a certificate whose authority's signature is verified. Uses the first line with the
   * key, or with the certificate's authority, for which the conditions hold.
   */
  check(key: Uint8Array | Certificate, use: AuthorizedKeyUse): AuthorizedKeyCheck;
}

type Line =
  | { readonly key: Omit<AuthorizedKey, "line">; readonly options: KeyOptions }
  | { readonly problem: string; readonly blob: Bytes | undefined };

/**
 * Parses an authorized_keys file (sshd(8), AUTHORIZED_KEYS FILE FORMAT). A line that is malformed, or has an unknown option, is reported
 * and not used. With `holding`, a public key blob, parses only the lines that contain that key; for a certificate, pass its authority's.
 * Use it before login: an unauthenticated client may query many keys, and parsing 10,000 lines takes 150 ms.
 */
export function parseAuthorizedKeys(text: string, holding?: Uint8Array): AuthorizedKeys {
  const lines: (Line & { readonly line: number })[] = [];
  for (const [line, content] of holding === undefined ? allLines(text) : linesWith(text, base64Encode(holding))) {
    const parsed = parseLine(content.replace(/\r$/, ""));
    if (parsed !== undefined) lines.push({ line, ...parsed });
  }
  return {
    keys: lines.flatMap((one) => ("key" in one ? [{ line: one.line, ...one.key }] : [])),
    problems: lines.flatMap((one) => ("key" in one ? [] : [{ line: one.line, problem: one.problem }])),
    check: (key, use) => {
      const [blob, certificate] = isBytes(key) ? [key, undefined] : [key.authority.blob, key];
      const reasons: Refusal[] = [];
      for (const one of lines) {
        const { line } = one;
        const held = "key" in one ? one.key.blob : one.blob;
        if (held === undefined || !equalBytes(held, blob)) continue;
        if (!("key" in one)) {
          // rule: unusable-key
          reasons.push({ line, reason: "problem" });
          continue;
        }
        // rule: authority-line
        if ((one.options.authority === undefined) !== (certificate === undefined)) continue;
        const restrictions = permitted(one.options, certificate, use);
        if ("reason" in restrictions) reasons.push({ line, ...restrictions });
        else return { allowed: true, key: { line, ...one.key, restrictions } };
      }
      return { allowed: false, reasons };
    },
  };
}

type Refusal = Extract<AuthorizedKeyCheck, { allowed: false }>["reasons"][number];

/** Returns what a line permits to its key, or to a certificate by it; or why it permits nothing. */
function permitted(
  options: KeyOptions,
  certificate: Certificate | undefined,
  use: AuthorizedKeyUse,
): KeyRestrictions | Omit<Refusal, "line"> {
  if (certificate === undefined) {
    const reason = keyRefusal(options, use);
    return reason === undefined ? options.restrictions : { reason };
  }
  const { user } = use;
  const principals = options.authority?.principals ?? (user === undefined ? [] : [user]);
  const verdict = judgeCertificate(certificate, { ...use, principals, line: options });
  return verdict.restrictions ?? { reason: "certificate", detail: (verdict as { problem: string }).problem };
}

function* allLines(text: string): Generator<readonly [line: number, content: string]> {
  for (const [index, content] of text.split("\n").entries()) yield [index + 1, content];
}

/** Yields the lines that contain `word` between blanks. Searches the text without splitting it, since few lines of a long file match. */
function* linesWith(text: string, word: string): Generator<readonly [line: number, content: string]> {
  if (word === "") return;
  let line = 1;
  let lineStart = 0;
  for (let at = text.indexOf(word); at >= 0; ) {
    const after = at + word.length;
    if (/* rule: key-word-end */ !isBlank(text.charCodeAt(after)) || !isBlank(text.charCodeAt(at - 1))) {
      at = text.indexOf(word, after);
      continue;
    }
    for (let next = text.indexOf("\n", lineStart); next >= 0 && next < at; next = text.indexOf("\n", lineStart)) {
      line++;
      lineStart = next + 1;
    }
    const end = text.indexOf("\n", after);
    yield [line, text.slice(lineStart, end < 0 ? text.length : end)];
    at = end < 0 ? -1 : text.indexOf(word, end);
  }
}

/** Whether a character code separates words: a space, a tab, a line end, or NaN beyond the text. */
function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d || Number.isNaN(code);
}

/** Matches up to a blank outside quotes. A backslash escapes only a quote right after it, even if preceded by another backslash. */
export const OPTIONS: RegExp = /^(?:\\"|"(?:\\"|[^"\\]|\\(?!"))*"|[^ \t"\\]|\\(?!"))+/;

/** Parses one line; returns `undefined` for an empty line or a comment. */
function parseLine(line: string): Line | undefined {
  const text = line.replace(/^[ \t]+/, "");
  if (text === "" || text.startsWith("#")) return undefined;
  const alone = parseKey(text);
  if (typeof alone !== "string") return withOptions(alone, "");
  // Do not report the key type of a damaged key as an option.
  if (/^(?:ssh-|ecdsa-|sk-)[^ \t"=,]*(?:[ \t]|$)/.test(text)) return { problem: alone, blob: undefined };

  const options = OPTIONS.exec(text)?.[0] ?? "";
  const rest = text.slice(options.length);
  if (!/^[ \t]/.test(rest)) return { problem: "options are not terminated, or no key follows them", blob: undefined };
  const key = parseKey(rest.replace(/^[ \t]+/, ""));
  return typeof key === "string" ? { problem: key, blob: undefined } : withOptions(key, options);
}

/** Returns whether a plain line holds the key: one without options, as in the file of TrustedUserCAKeys (sshd_config(5)). */
export function holdsKey(text: string, blob: Uint8Array): boolean {
  for (const [, content] of linesWith(text, base64Encode(blob))) {
    const key = parseKey(content.replace(/^[ \t]+|\r$/g, ""));
    // rule: trusted-authority
    if (typeof key !== "string" && equalBytes(key.blob, blob)) return true;
  }
  return false;
}

type Key = Pick<AuthorizedKey, "format" | "blob" | "comment">;

function withOptions(key: Key, text: string): Line {
  const options = parseKeyOptions(text);
  if (typeof options === "string") return { problem: options, blob: key.blob };
  return { key: { ...key, restrictions: options.restrictions, authority: options.authority }, options };
}

function parseKey(text: string): Key | string {
  const [, format, base64, comment = ""] =
    /* rule: key-comment */ /^([^ \t]+)[ \t]+([^ \t]+)(?:[ \t]+(.*))?$/s.exec(text) ?? [];
  if (format === undefined || base64 === undefined)
    return "expected a key format and base64, optionally preceded by options";
  const blob = blobOfLine(format, base64);
  return typeof blob === "string" ? `the key ${blob}` : { format, blob, comment };
}
