import { type Bytes, base64Encode, equalBytes } from "@nacre/wire";
import type { ClientOrigin } from "./address-match.ts";
import { type CivilTime, utcTime } from "./expiry-time.ts";
import { type KeyOptions, type KeyRestrictions, parseKeyOptions } from "./key-options.ts";
import { blobOfLine } from "./public-key-line.ts";

/** A line of authorized_keys that can be used. */
export interface AuthorizedKey {
  /** From 1. */
  readonly line: number;
  /** `"ssh-ed25519"`. Any format, also one that nobody can log in with here. */
  readonly format: string;
  readonly blob: Bytes;
  /** Written by anybody: escape it before showing it. */
  readonly comment: string;
  readonly restrictions: KeyRestrictions;
}

/** A line of authorized_keys that is not used: what it says cannot be followed to the letter. */
export interface AuthorizedKeysProblem {
  /** From 1. */
  readonly line: number;
  /** What is wrong, safe to show: `"the option no-such is not known"`. */
  readonly problem: string;
}

/** Who asks, and when. */
export interface KeyUse extends ClientOrigin {
  /** Milliseconds since the beginning of 1970, UTC. */
  readonly now: number;
  /** The same of a time that the server's clock on the wall shows. Without it all times count as UTC. */
  readonly localTime?: (time: CivilTime) => number;
}

/** Whether a key may log in. `line` in a reason: of the file, from 1. */
export type AuthorizedKeyCheck =
  | { readonly allowed: true; readonly key: AuthorizedKey }
  | {
      readonly allowed: false;
      /** Why not, for each line that has the key: none, when the file does not have it. */
      readonly reasons: readonly {
        readonly line: number;
        /** The client is elsewhere than `from=` says; the key's time is over; the line is not usable. */
        readonly reason: "from" | "expired" | "problem";
      }[];
    };

/** An authorized_keys file, read. */
export interface AuthorizedKeys {
  readonly keys: readonly AuthorizedKey[];
  readonly problems: readonly AuthorizedKeysProblem[];
  /** What the file says of a key, by its blob: of several lines with the key the first counts whose conditions hold. */
  check(blob: Uint8Array, use: KeyUse): AuthorizedKeyCheck;
}

type Line =
  | { readonly key: Omit<AuthorizedKey, "line">; readonly options: KeyOptions }
  | { readonly problem: string; readonly blob: Bytes | undefined };

/**
 * Reads an authorized_keys file (sshd(8), AUTHORIZED_KEYS FILE FORMAT). A line that is malformed, or has an option that is unknown or
 * cannot be enforced, is reported and not used. With `holding`, a public key blob, reads only the lines that hold that key: a stranger may
 * ask about many keys before login, and parsing 10,000 lines takes 150 ms.
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
    check: (blob, use) => {
      const reasons: { line: number; reason: "from" | "expired" | "problem" }[] = [];
      for (const one of lines) {
        const { line } = one;
        const held = "key" in one ? one.key.blob : one.blob;
        if (held === undefined || !equalBytes(held, blob)) continue;
        if (!("key" in one))
          // rule: unusable-key
          reasons.push({ line, reason: "problem" });
        else if (/* rule: key-from */ one.options.from?.(use) === false) reasons.push({ line, reason: "from" });
        else if (/* rule: key-expired */ isExpired(one.options, use)) reasons.push({ line, reason: "expired" });
        else return { allowed: true, key: { line, ...one.key } };
      }
      return { allowed: false, reasons };
    },
  };
}

function* allLines(text: string): Generator<readonly [line: number, content: string]> {
  for (const [index, content] of text.split("\n").entries()) yield [index + 1, content];
}

/** The lines that have a word between blanks, found without splitting the text: nearly all lines of a long file are others. */
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

/** Whether a character code parts words: a blank, a tab, the end of a line, or NaN beyond the text. */
function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d || Number.isNaN(code);
}

/** Up to a blank that is not in quotes. A backslash protects the quote behind it, whatever is before it, and nothing else. */
const OPTIONS = /^(?:\\"|"(?:\\"|[^"\\]|\\(?!"))*"|[^ \t"\\]|\\(?!"))+/;

/** One line; `undefined` for an empty line or a comment. */
function parseLine(line: string): Line | undefined {
  const text = line.replace(/^[ \t]+/, "");
  if (text === "" || text.startsWith("#")) return undefined;
  const alone = parseKey(text);
  if (typeof alone !== "string") return withOptions(alone, "");
  // A key type in front of a damaged key is no option.
  if (/^(?:ssh-|ecdsa-|sk-)[^ \t"=,]*(?:[ \t]|$)/.test(text)) return { problem: alone, blob: undefined };

  const options = OPTIONS.exec(text)?.[0] ?? "";
  const rest = text.slice(options.length);
  if (!/^[ \t]/.test(rest)) return { problem: "the options are not ended, or no key follows them", blob: undefined };
  const key = parseKey(rest.replace(/^[ \t]+/, ""));
  return typeof key === "string" ? { problem: key, blob: undefined } : withOptions(key, options);
}

type Key = Pick<AuthorizedKey, "format" | "blob" | "comment">;

function withOptions(key: Key, text: string): Line {
  const options = parseKeyOptions(text);
  if (typeof options === "string") return { problem: options, blob: key.blob };
  return { key: { ...key, restrictions: options.restrictions }, options };
}

function parseKey(text: string): Key | string {
  const [, format, base64, comment = ""] =
    /* rule: key-comment */ /^([^ \t]+)[ \t]+([^ \t]+)(?:[ \t]+(.*))?$/s.exec(text) ?? [];
  if (format === undefined || base64 === undefined) return "a line has options or none, a key's format and its base64";
  const blob = blobOfLine(format, base64);
  return typeof blob === "string" ? `the key ${blob}` : { format, blob, comment };
}

function isExpired({ expiryTimes }: KeyOptions, { now, localTime = utcTime }: KeyUse): boolean {
  // Whole seconds, and the last one still counts, as in OpenSSH.
  const second = Math.floor(now / 1000) * 1000;
  return expiryTimes.some(({ utc, ...time }) => (utc ? utcTime(time) : localTime(time)) < second);
}
