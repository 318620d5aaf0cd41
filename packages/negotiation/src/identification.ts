import { escapeText, SshError, utf8DecodeLossy, utf8Encode } from "@nacre/wire";

/** Side of a connection: the client initiates it, the server accepts it. */
export type Role = "client" | "server";

/** Maximum length of an identification string in bytes, including CR LF (RFC 4253 §4.2). */
const MAX_IDENTIFICATION = 255;
/** Most bytes of a server's lines before its identification string that are kept. */
const MAX_KEPT_LINES = 64 * 1024;
/** Longest greeting that OpenSSH's client reads, as lines and as bytes of a line with CR LF. */
const MAX_GREETING_LINES = 1024;
const MAX_GREETING_LINE = 8192;
const PREFIX = "SSH-";
const CR = 0x0d;
const LF = 0x0a;

/**
 * Returns the local identification string without CR LF: `"SSH-2.0-Nacre_0.1.0"`. Throws `usage` if the software version is
 * empty, is too long, or contains a space, "-" or anything outside printable US-ASCII (RFC 4253 §4.2).
 */
export function identificationString(softwareVersion: string): string {
  const line = `${PREFIX}2.0-${softwareVersion}`;
  if (!/^[!-,.-~]+$/.test(softwareVersion) || line.length > MAX_IDENTIFICATION - 2)
    throw new SshError(
      "usage",
      `invalid software version "${escapeText(softwareVersion)}"; expected 1 to ${MAX_IDENTIFICATION - 10} printable ASCII characters except space and "-"`,
    );
  return line;
}

/**
 * Returns the lines that a server sends before its identification string, each with CR LF (RFC 4253 §4.2); `""` without a greeting. `text`
 * has LF or CR LF between its lines. Throws `usage` for a line that begins with "SSH-", for a NUL or CR, and for more than 1,024 lines or
 * 8,190 bytes in a line.
 */
export function greetingLines(text: string | undefined): string {
  if (text === undefined || text === "") return "";
  const lines = text.replace(/\r?\n$/, "").split(/\r?\n/);
  for (const line of lines) {
    if (line.startsWith(PREFIX)) throw greetingError(`must not have a line that begins with "${PREFIX}"`);
    if (/[\0\r]/.test(line)) throw greetingError("must not contain NUL, or CR within a line");
    if (utf8Encode(line).length > MAX_GREETING_LINE - 2)
      throw greetingError(`must not have a line of more than ${MAX_GREETING_LINE - 2} bytes`);
  }
  if (lines.length > MAX_GREETING_LINES) throw greetingError(`must not have more than ${MAX_GREETING_LINES} lines`);
  return lines.map((line) => `${line}\r\n`).join("");
}

function greetingError(problem: string): SshError {
  return new SshError("usage", `\`greeting\` ${problem}`);
}

/** Limits on the lines that a server may send before its identification string. */
export interface IdentificationLimits {
  /** Maximum number of lines. */
  readonly preBannerLines: number;
  /** Maximum length of a line in bytes, including its line ending. */
  readonly preBannerBytes: number;
}

/** The peer's identification string. */
export interface Identification {
  /** Identification string without CR LF: V_C or V_S in the exchange hash. */
  readonly line: string;
  /** Number of bytes consumed from the chunk. Packets follow. */
  readonly consumed: number;
}

/**
 * Finds the identification string at the start of the peer's byte stream (RFC 4253 §4.2). Buffers at most one line, and keeps the
 * first 64 KiB of the lines before it.
 *
 * A line may end with LF alone, for compatibility with older peers (RFC 4253 §5). A server may send other lines first, within the
 * limits. A client must send its identification string first.
 */
export class IdentificationReader {
  readonly #peer: Role;
  readonly #limits: IdentificationLimits;
  #line: number[] = [];
  #skipped = 0;
  readonly #linesBefore: string[] = [];
  #keptBytes = 0;
  #firstLine: string | undefined;

  constructor(peer: Role, limits: IdentificationLimits) {
    this.#peer = peer;
    this.#limits = limits;
  }

  /** First 60 bytes received instead of an identification string, escaped and quoted; `undefined` if nothing was received. */
  get excerpt(): string | undefined {
    return this.#firstLine ?? (this.#line.length === 0 ? undefined : quote(this.#line));
  }

  /**
   * Lines that the server sent before its identification string, without CR LF, decoded as UTF-8: the first ones, up to 64 KiB together.
   * Escape them before display.
   */
  get linesBefore(): readonly string[] {
    return this.#linesBefore;
  }

  /**
   * Processes the next bytes. Returns `undefined` if it needs more. Throws `not-ssh`, `protocol-version` or `banner-limit`. Do not call it
   * again after it throws or returns an identification string.
   */
  receive(chunk: Uint8Array): Identification | undefined {
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!;
      if (byte !== LF) {
        this.#take(byte);
        continue;
      }
      if (startsLikePrefix(this.#line, PREFIX.length)) return { line: this.#identification(), consumed: i + 1 };
      this.#skip();
    }
    return undefined;
  }

  #take(byte: number): void {
    const line = this.#line;
    line.push(byte);
    // RFC 4253 §4.2: "The null character MUST NOT be sent".
    if (byte === 0) this.#refuse("sent a NUL byte");
    const identifies = startsLikePrefix(line, Math.min(line.length, PREFIX.length));
    // rule: client-identifies-first
    if (!identifies && this.#peer === "client") this.#refuse("did not start with an SSH identification string");
    const limit = identifies ? MAX_IDENTIFICATION : this.#limits.preBannerBytes;
    // rule: identification-length
    if (line.length >= limit) {
      const what = identifies ? "an identification string" : "a line before its identification string";
      throw new SshError("banner-limit", `the ${this.#peer} sent ${what} longer than ${limit} bytes: ${quote(line)}`);
    }
  }

  #skip(): void {
    this.#firstLine ??= quote(this.#line);
    if (this.#peer === "client") this.#refuse("did not start with an SSH identification string");
    this.#keptBytes += this.#line.length;
    // rule: kept-lines
    if (this.#keptBytes <= MAX_KEPT_LINES) this.#linesBefore.push(textOf(this.#line));
    this.#line = [];
    this.#skipped++;
    // rule: banner-lines
    if (this.#skipped > this.#limits.preBannerLines)
      throw new SshError(
        "banner-limit",
        `the server sent more than ${this.#limits.preBannerLines} lines before its identification string, starting with ${this.#firstLine}`,
      );
  }

  #identification(): string {
    const end = this.#line.at(-1) === CR ? -1 : undefined;
    const line = String.fromCharCode(...this.#line.slice(0, end));
    const version = /^SSH-([!-,.-~]+)-[!-~]+(?: [ -~]*)?$/.exec(line)?.[1];
    if (version === undefined) return this.#refuse("sent a malformed SSH identification string");
    // Version 1.99 means that the server supports 2.0 and older versions (RFC 4253 §5.1).
    if (version === "2.0" || (version === "1.99" && this.#peer === "server")) return line;
    throw new SshError(
      "protocol-version",
      `the ${this.#peer} uses SSH protocol version "${escapeText(version)}" (${quote(this.#line)}), but Nacre supports only 2.0`,
    );
  }

  #refuse(problem: string): never {
    throw new SshError("not-ssh", `the ${this.#peer} ${problem}, so it may not support SSH; it sent ${this.excerpt}`);
  }
}

/** Returns whether the line starts with the first `length` bytes of "SSH-". */
function startsLikePrefix(line: readonly number[], length: number): boolean {
  for (let i = 0; i < length; i++) if (line[i] !== PREFIX.charCodeAt(i)) return false;
  return true;
}

function quote(line: readonly number[]): string {
  if (line.at(-1) === CR) return quote(line.slice(0, -1));
  const cut = line.length > 60;
  return `"${/* rule: quoted-line */ escapeText(utf8DecodeLossy(Uint8Array.from(line.slice(0, 60))))}${cut ? "…" : ""}"`;
}

function textOf(line: readonly number[]): string {
  return utf8DecodeLossy(Uint8Array.from(line.at(-1) === CR ? line.slice(0, -1) : line));
}
