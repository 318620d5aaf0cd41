/** What the worker of the tests does: it logs in as alice, and runs commands. */
export interface Task {
  readonly port: number;
  /** Text of the private key file. */
  readonly key: string;
  /** Fingerprint of the host key, `SHA256:…`. */
  readonly hostKey: string;
  /** Name of the only cipher to offer. */
  readonly cipher: string;
  /** Path of the file on the server to download. */
  readonly file: string;
}

/** What happened. */
export type Outcome =
  | {
      /** Digest of the file as the worker received it. */
      readonly downloaded: string;
      /** Digest of the file as the server received it back. */
      readonly uploaded: string;
      /** Number of bytes of the file. */
      readonly length: number;
      /** Exit status of the command that received the file. */
      readonly status: number | undefined;
      /** Negotiated key exchange method. */
      readonly kex: string;
      /** Negotiated cipher. */
      readonly cipher: string;
    }
  | {
      /** Code of the `SshError`, or the text of another error. */
      readonly error: string;
    };
