import { decodePath } from "@nacre/files";
import { isWindows } from "@nacre/node/extend";
import { usage } from "../options.ts";
import { type Destination, readHostName, readUriPlace } from "../ssh/destination.ts";

/** A file or directory on this machine. */
export interface LocalPlace {
  /** Which kind of place it is. */
  readonly kind: "local";
  /** Path as typed. */
  readonly path: string;
}

/** A file or directory on a server. */
export interface RemotePlace extends Destination {
  /** Which kind of place it is. */
  readonly kind: "remote";
  /** Path relative to the user's directory, or absolute; "" for the user's directory. One that begins with `~bob` is another user's. */
  readonly path: string;
}

/** A source or the target of `nacre cp`. */
export type Place = LocalPlace | RemotePlace;

/**
 * Parses `[user@]host:path`, `ssh://[user@]host[:port][/path]`, the same with `sftp` or `scp`, or a local path. As with scp(1), a word with
 * a colon before its first slash is remote: `./a:b` is local. On Windows so are `.\a:b` and the path of a drive. The path of an address is
 * relative to the user's directory; two slashes make it absolute. Throws `usage` if it is invalid.
 */
export function readPlace(word: string, onWindows: boolean = isWindows()): Place {
  const uri = readUriPlace(word);
  if (uri !== undefined) return { ...uri, kind: "remote", path: fromHome(percentDecode(uri.path ?? "")) };
  const colon = findColon(word, onWindows ? /[\\/]/ : /\//);
  const isDrive = onWindows && colon === 1;
  if (colon < 0 || isDrive) {
    if (word === "") throw usage("empty path; give a file, or [user@]host:path");
    return { kind: "local", path: word };
  }
  return { kind: "remote", ...readHostName(word.slice(0, colon)), path: fromHome(word.slice(colon + 1)) };
}

/** Returns the position of the colon between host and path; -1 for a local path. An IPv6 address is in brackets. */
function findColon(word: string, separator: RegExp): number {
  const address = /^(?:[^/:]*@)?\[[^\]]*\]:/.exec(word);
  if (address !== null) return address[0].length - 1;
  const colon = word.indexOf(":");
  const slash = word.search(separator);
  // A leading colon belongs to a file name.
  return colon > 0 && (slash < 0 || colon < slash) ? colon : -1;
}

/** Removes `~/`, because relative paths begin at the user's directory. The server expands `~bob`. */
function fromHome(path: string): string {
  return path.replace(/^~(?:\/+|$)/, "");
}

/** Decodes a percent-encoded path. Bytes that are not UTF-8 survive, in the form of `decodePath`. Throws `usage` if it is invalid. */
function percentDecode(text: string): string {
  const bytes: number[] = [];
  for (const [part] of text.matchAll(/%[0-9a-f]{2}|%|[^%]+/gi)) {
    if (part === "%") throw usage("invalid percent-encoding in the path of an address; write % as %25");
    if (part.startsWith("%")) bytes.push(Number.parseInt(part.slice(1), 16));
    else bytes.push(...new TextEncoder().encode(part));
  }
  return decodePath(Uint8Array.from(bytes));
}
