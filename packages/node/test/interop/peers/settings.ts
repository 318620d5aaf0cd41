import type { KeyFile } from "../support/keys.ts";

/** What a server of another implementation is started with. */
export interface PeerSettings {
  readonly folder: { readonly path: string };
  readonly hostKey: KeyFile;
  /** The key that it lets in. */
  readonly userKey: KeyFile;
  readonly password: string;
  /** To the questions "First: " and "Second: ". */
  readonly answers: readonly [string, string];
}

/** A server of another implementation, on loopback. */
export interface PeerServer extends AsyncDisposable {
  readonly port: number;
}
