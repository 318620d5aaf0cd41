import { type Bytes, SshError, utf8Encode } from "@nacre/wire";
import { decodePath } from "../paths.ts";
import { NEWLINE, shown } from "./records.ts";

/** First byte of an answer, or of a line with a problem. */
export const STATUS = {
  /** The last record or file was accepted, or the contents of a file are complete. */
  ok: 0,
  /** A problem with one file, whose text follows up to a newline. The transfer goes on. */
  warning: 1,
  /** A problem that ends the transfer, whose text follows up to a newline. */
  fatal: 2,
} as const;

/** Maximum length in bytes of a message that we send. OpenSSH reads up to 2048. */
const MAX_MESSAGE_LENGTH = 1024;

/** Encodes a problem as a line. Control characters become "?", because the line ends with the first newline and receivers display it. */
export function encodeProblem(status: 1 | 2, message: string): Bytes {
  let shortened = "";
  let length = 0;
  for (const character of message.replaceAll(/\p{Cc}/gu, "?")) {
    length += utf8Encode(character).length;
    if (length > MAX_MESSAGE_LENGTH) break;
    shortened += character;
  }
  return Uint8Array.from([status, ...utf8Encode(shortened), NEWLINE]);
}

/** Returns the text of a problem. It may contain any character: escape it before display. */
export function problemText(line: Uint8Array): string {
  return decodePath(line.subarray(1));
}

/** Returns the error for a problem that ends the transfer. */
export function fatalError(line: Uint8Array): SshError {
  return new SshError("scp-failure", `the peer ended scp: ${shown(line.subarray(1))}`);
}

/** Returns whether a byte begins a line with a problem. */
export function isProblem(byte: number | undefined): boolean {
  return byte === STATUS.warning || byte === STATUS.fatal;
}
