import type { KeyFile } from "@nacre/testing/interop/keys";

/** What a server of another implementation is started with. */
export interface PeerSettings {
  readonly folder: { readonly path: string };
  readonly hostKey: KeyFile;
  /** The key that it lets in. */
  readonly userKey: KeyFile;
  readonly password: string;
  /** Those that it lets in with, to the questions "First: " and "Second: ". */
  readonly answers: readonly string[];
  /** Bytes after which it asks for new keys, where it can. */
  readonly rekeyThreshold?: number;
}

/** A server of another implementation, on loopback. */
export interface PeerServer extends AsyncDisposable {
  readonly port: number;
}

/** What a client of another implementation is to do. */
export interface Ask {
  readonly port: number;
  /** The type and the base64 of the server's key. */
  readonly hostKey: readonly string[];
  /** The path of the private key to log in with, or `password`, or `answers`. */
  readonly key?: string;
  readonly password?: string;
  readonly answers?: readonly string[];
  /** Bytes after which it asks for new keys. */
  readonly rekeyThreshold?: number;
  /** For clients that send no input: what `cat` prints. */
  readonly file: string;
}

/** What a client of another implementation found. */
export interface Result {
  readonly version?: string;
  readonly refused: boolean;
  readonly prompts?: unknown;
  /** Of the input of `cat`, or of the file. */
  readonly digest?: string;
  /** `echo out; echo err >&2; exit 3` */
  readonly simple?: PeerRun;
  readonly cat?: PeerRun;
}

/** How a command ended; of a long output its SHA-256. */
export interface PeerRun {
  readonly out: string;
  readonly err: string;
  readonly status: number;
}

/** Bytes that clients send through `cat`. */
export const DATA_LENGTH = 4 * 2 ** 20;
