import { type Bytes, escapeText, SshError, utf8Encode } from "@nacre/wire";
import { decodePath } from "../paths.ts";

/** Times of a file or directory, in whole seconds since 1970. */
export interface ScpTimes {
  /** Time of the last change of the contents. */
  readonly mtime: number;
  /** Time of the last access. */
  readonly atime: number;
}

/** A file that follows: `C0644 12 name`. */
export interface ScpFileRecord {
  readonly type: "file";
  /** Permission bits, at most 0o7777. */
  readonly mode: number;
  /** Size of the contents in bytes. */
  readonly size: number;
  /** Name without directory. Bytes, because names need not be UTF-8; `decodePath` returns text. */
  readonly name: Uint8Array;
}

/** A directory whose entries follow, up to an `E`: `D0755 0 name`. */
export interface ScpDirectoryRecord {
  readonly type: "directory";
  /** Permission bits, at most 0o7777. */
  readonly mode: number;
  /** Name without directory, as in `ScpFileRecord`. */
  readonly name: Uint8Array;
}

/** Times of the next file or directory: `T1700000000 0 1700000000 0`. */
export interface ScpTimesRecord extends ScpTimes {
  readonly type: "times";
}

/** The end of a directory: `E`. */
export interface ScpEndRecord {
  readonly type: "directory-end";
}

/** A line of the scp protocol with which a source describes what follows. */
export type ScpRecord = ScpFileRecord | ScpDirectoryRecord | ScpTimesRecord | ScpEndRecord;

/** Marks the end of a line. */
export const NEWLINE = 0x0a;

/** Permission bits that a record can have. */
const MODE_BITS = 0o7777;

/**
 * Encodes a record as a line, with its newline. Throws `usage` for a name that cannot be sent, a size or time that is not a safe integer
 * from 0.
 */
export function encodeRecord(record: ScpRecord): Bytes {
  switch (record.type) {
    case "file":
      return named(`C${mode(record.mode)} ${natural(record.size, "a size")} `, record.name);
    case "directory":
      return named(`D${mode(record.mode)} 0 `, record.name);
    case "times":
      return utf8Encode(`T${natural(record.mtime, "a time")} 0 ${natural(record.atime, "a time")} 0\n`);
    case "directory-end":
      return utf8Encode("E\n");
  }
}

/**
 * Decodes a line without its newline. Names are checked by the caller, because only the caller knows which were requested. Throws
 * `malformed-message` for another line, and for a size or time of 2^53 or more.
 */
export function decodeRecord(line: Uint8Array): ScpRecord {
  // One character for each byte, so that offsets in the text are offsets in the line.
  let text = "";
  for (const byte of line) text += String.fromCharCode(byte);
  if (text === "E") return { type: "directory-end" };
  const times = /^T(\d{1,16}) \d{1,6} (\d{1,16}) \d{1,6}$/.exec(text);
  if (times !== null) return { type: "times", mtime: safe(times[1]!, line), atime: safe(times[2]!, line) };
  const head = /^([CD])([0-7]{3,6}) (\d{1,16}) /.exec(text);
  if (head === null) throw malformed(line);
  const bits = Number.parseInt(head[2]!, 8) & MODE_BITS;
  const size = safe(head[3]!, line);
  const name = line.slice(head[0].length);
  return head[1] === "C" ? { type: "file", mode: bits, size, name } : { type: "directory", mode: bits, name };
}

/**
 * Returns why a name must not be sent or received, or `undefined`. A name must not lead out of its directory (CVE-2018-20685,
 * CVE-2019-6111), and a line cannot contain a newline.
 */
export function scpNameProblem(name: Uint8Array): string | undefined {
  if (/* rule: scp-name-empty */ name.length === 0) return "it is empty";
  const isDots = name.length > 0 && name.length <= 2 && name.every((byte) => byte === 0x2e);
  if (/* rule: scp-name-dots */ isDots) return "it is a directory's own name or its parent's";
  if (/* rule: scp-name-slash */ name.includes(0x2f)) return "it is a path";
  if (/* rule: scp-name-nul */ name.includes(0)) return "it contains NUL";
  if (name.includes(NEWLINE)) return "scp cannot send a newline in a name";
  return undefined;
}

/** Shows the beginning of bytes from the peer in an error. */
export function shown(bytes: Uint8Array): string {
  // rule: scp-shown-text
  return `"${escapeText(decodePath(bytes.subarray(0, SHOWN_LENGTH)))}"${bytes.length > SHOWN_LENGTH ? "…" : ""}`;
}

/** Bytes of the peer's text that an error shows. */
const SHOWN_LENGTH = 200;

function named(head: string, name: Uint8Array): Bytes {
  const problem = scpNameProblem(name);
  if (problem !== undefined) throw new SshError("usage", `the name ${shown(name)} cannot be sent with scp: ${problem}`);
  return line(utf8Encode(head), name);
}

/** Joins the parts of a line and adds the newline. */
function line(head: Uint8Array, rest: Uint8Array): Bytes {
  const bytes = new Uint8Array(head.length + rest.length + 1);
  bytes.set(head);
  bytes.set(rest, head.length);
  bytes[bytes.length - 1] = NEWLINE;
  return bytes;
}

function mode(bits: number): string {
  if (!(Number.isInteger(bits) && bits >= 0 && bits <= MODE_BITS))
    throw new SshError("usage", `permission bits must be an integer from 0 to 0o7777, got ${bits}`);
  return bits.toString(8).padStart(4, "0");
}

function natural(value: number, what: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new SshError("usage", `${what} must be an integer from 0 to 2^53 - 1, got ${value}`);
}

function safe(digits: string, line: Uint8Array): number {
  const value = Number(digits);
  // rule: scp-size
  if (!Number.isSafeInteger(value)) throw malformed(line);
  return value;
}

function malformed(line: Uint8Array): SshError {
  return new SshError("malformed-message", `the peer sent ${shown(line)}, which is no record of scp`);
}
