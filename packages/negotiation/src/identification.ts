import { escapeText, SshError, utf8DecodeLossy } from "@nacre/wire";

/** Which end of a connection: who opened it, and who was listening. */
export type Role = "client" | "server";

/** Bytes of an identification string, CR LF included (RFC 4253 §4.2). */
const MAX_IDENTIFICATION = 255;
const PREFIX = "SSH-";
const CR = 0x0d;
const LF = 0x0a;

/**
 * Our identification string, without its CR LF (RFC 4253 §4.2): `"SSH-2.0-Nacre_0.1.0"`.
 * Throws `usage` for a software version that is not printable US-ASCII, has a blank or a minus sign, or is too long.
 */
export function identificationString(softwareVersion: string): string {
  const line = `${PREFIX}2.0-${softwareVersion}`;
  if (!/^[!-,.-~]+$/.test(softwareVersion) || line.length > MAX_IDENTIFICATION - 2)
    throw new SshError(
      "usage",
      `"${escapeText(softwareVersion)}" is no software version: up to ${MAX_IDENTIFICATION - 10} printable ASCII characters without blanks and minus signs`,
    );
  return line;
}

/** What a server may send before its identification string. */
export interface IdentificationLimits {
  /** Lines. */
  readonly preBannerLines: number;
  /** Bytes in one line, its line end included. */
  readonly preBannerBytes: number;
}

/** The peer's identification string, found. */
export interface Identification {
  /** Without CR LF: V_C or V_S of the exchange hash. */
  readonly line: string;
  /** How many bytes of the chunk it took: what follows is packets. */
  readonly consumed: number;
}

/**
 * Finds the peer's identification string in what it sends first (RFC 4253 §4.2). It keeps no more than one line.
 *
 * A line may end in LF alone, as RFC 4253 §5 asks of those who meet older peers. Lines before it are skipped when the
 * peer is a server, within the limits; a client must begin with it.
 */
export class IdentificationReader {
  readonly #peer: Role;
  readonly #limits: IdentificationLimits;
  #line: number[] = [];
  #skipped = 0;
  #firstLine: string | undefined;

  constructor(peer: Role, limits: IdentificationLimits) {
    this.#peer = peer;
    this.#limits = limits;
  }

  /** The beginning of what came instead of an identification string, escaped and in quotes; `undefined` when nothing came. */
  get excerpt(): string | undefined {
    return this.#firstLine ?? (this.#line.length === 0 ? undefined : quote(this.#line));
  }

  /**
   * Takes the next bytes, which are neither kept nor changed. `undefined`: more are needed. Throws `not-ssh`,
   * `protocol-version` or `banner-limit`; it must not be used after that, or after it has found the string.
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
    if (!identifies && this.#peer === "client") this.#refuse("did not begin with an identification string");
    const limit = identifies ? MAX_IDENTIFICATION : this.#limits.preBannerBytes;
    // rule: identification-length
    if (line.length >= limit) {
      const what = identifies ? "an identification string" : "a line before its identification string";
      throw new SshError("banner-limit", `The ${this.#peer} sent ${what} of more than ${limit} bytes: ${quote(line)}`);
    }
  }

  #skip(): void {
    if (this.#peer === "client") this.#refuse("did not begin with an identification string");
    this.#firstLine ??= quote(this.#line);
    this.#line = [];
    this.#skipped++;
    // rule: banner-lines
    if (this.#skipped > this.#limits.preBannerLines)
      throw new SshError(
        "banner-limit",
        `The server sent more than ${this.#limits.preBannerLines} lines before its identification string. The first: ${this.#firstLine}`,
      );
  }

  #identification(): string {
    const end = this.#line.at(-1) === CR ? -1 : undefined;
    const line = String.fromCharCode(...this.#line.slice(0, end));
    const version = /^SSH-([!-,.-~]+)-[!-~]+(?: [ -~]*)?$/.exec(line)?.[1];
    if (version === undefined) return this.#refuse("sent a malformed identification string");
    // RFC 4253 §5.1: 1.99 is how a server says that it speaks 2.0 and older versions.
    if (version === "2.0" || (version === "1.99" && this.#peer === "server")) return line;
    throw new SshError(
      "protocol-version",
      `The ${this.#peer} speaks version "${escapeText(version)}" of the protocol (${quote(this.#line)}), Nacre speaks 2.0`,
    );
  }

  #refuse(problem: string): never {
    throw new SshError(
      "not-ssh",
      `The ${this.#peer} ${problem}, so it does not seem to speak SSH. It sent ${this.excerpt}`,
    );
  }
}

/** Whether the first `length` bytes are those of "SSH-". */
function startsLikePrefix(line: readonly number[], length: number): boolean {
  for (let i = 0; i < length; i++) if (line[i] !== PREFIX.charCodeAt(i)) return false;
  return true;
}

function quote(line: readonly number[]): string {
  if (line.at(-1) === CR) return quote(line.slice(0, -1));
  const cut = line.length > 60;
  return `"${/* rule: quoted-line */ escapeText(utf8DecodeLossy(Uint8Array.from(line.slice(0, 60))))}${cut ? "…" : ""}"`;
}
