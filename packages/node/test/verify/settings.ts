import type { KeyFile } from "@nacre/testing/interop/keys";

/** Settings for a server of another implementation. */
export interface PeerSettings {
  readonly folder: { readonly path: string };
  readonly hostKey: KeyFile;
  /** The key that it accepts. */
  readonly userKey: KeyFile;
  readonly password: string;
  /** Accepted answers to the prompts "First: " and "Second: ". */
  readonly answers: readonly string[];
  /** Bytes after which it rekeys, if supported. */
  readonly rekeyThreshold?: number;
}

/** A server of another implementation, listening on loopback. */
export interface PeerServer extends AsyncDisposable {
  readonly port: number;
}

/** Instructions for a client of another implementation. */
export interface ClientTask {
  readonly port: number;
  /** Type and base64 of the server's key. */
  readonly hostKey: readonly string[];
  /** Path of the private key to log in with; alternatives are `password` and `answers`. */
  readonly key?: string;
  readonly password?: string;
  readonly answers?: readonly string[];
  /** Bytes after which it rekeys. */
  readonly rekeyThreshold?: number;
  /** Output of `cat`, for clients that send no input. */
  readonly file: string;
}

/** Results reported by a client of another implementation. */
export interface Result {
  readonly version?: string;
  readonly refused: boolean;
  readonly prompts?: unknown;
  /** SHA-256 of the input of `cat`, or of the file. */
  readonly digest?: string;
  /** Result of `echo out; echo err >&2; exit 3`. */
  readonly simple?: PeerRun;
  readonly cat?: PeerRun;
}

/** Result of a command; a long output is replaced by its SHA-256. */
export interface PeerRun {
  readonly out: string;
  readonly err: string;
  readonly status: number;
}

/** Number of bytes that clients send through `cat`. */
export const DATA_LENGTH = 4 * 2 ** 20;
