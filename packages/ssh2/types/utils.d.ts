/// <reference types="node" />

import { ParsedKey } from "./keys";
import { OpenMode } from "./sftp";

export namespace utils {
  interface KeySettings {
    rsa: { bits: number };
    ecdsa: { bits: 256 | 384 | 521 };
    ed25519: {};
  }

  type KeyType = keyof KeySettings;

  /** Types of keys that need no settings. */
  type OptionalKeyType = { [K in KeyType]: {} extends KeySettings[K] ? K : never }[KeyType];

  /** Options of the file. With a passphrase, `cipher` is required; `rounds` of bcrypt, default 16. */
  type KeyPairOptions = { comment?: string; format?: "new" } & (
    | { passphrase: string | Buffer; cipher: string; rounds?: number }
    | {}
  );

  /** Texts of a key pair: the private one in OpenSSH's format, the public one as a line. */
  interface KeyPairReturn {
    private: string;
    public: string;
  }

  type KeyPairCallback = (err: Error | null, keyPair: KeyPairReturn) => void;

  /** Reads a private or public key in any of OpenSSH's, PEM, PKCS #8, PuTTY's and RFC 4716 formats. Returns an error for anything else. */
  function parseKey(data: Buffer | string | ParsedKey, passphrase?: Buffer | string): ParsedKey | Error;

  function generateKeyPair<K extends KeyType>(
    keyType: K,
    opts: KeySettings[K] & KeyPairOptions,
    cb?: KeyPairCallback,
  ): void;
  function generateKeyPair<K extends OptionalKeyType>(
    keyType: K,
    opts?: KeySettings[K] & KeyPairOptions,
    cb?: KeyPairCallback,
  ): void;
  function generateKeyPair(keyType: KeyType, cb: KeyPairCallback): void;

  function generateKeyPairSync<K extends KeyType>(keyType: K, opts: KeySettings[K] & KeyPairOptions): KeyPairReturn;
  function generateKeyPairSync<K extends OptionalKeyType>(
    keyType: K,
    opts?: KeySettings[K] & KeyPairOptions,
  ): KeyPairReturn;

  namespace sftp {
    /** Bits of the flags with which a file is opened. */
    enum OPEN_MODE {
      READ = 1,
      WRITE = 2,
      APPEND = 4,
      CREAT = 8,
      TRUNC = 16,
      EXCL = 32,
    }

    /** Codes of a server's replies, which are `code` of errors. */
    enum STATUS_CODE {
      OK = 0,
      EOF = 1,
      NO_SUCH_FILE = 2,
      PERMISSION_DENIED = 3,
      FAILURE = 4,
      BAD_MESSAGE = 5,
      NO_CONNECTION = 6,
      CONNECTION_LOST = 7,
      OP_UNSUPPORTED = 8,
    }

    /** Returns the bits of `OPEN_MODE` for flags as of `fs.open`; `null` for others. */
    function stringToFlags(str: OpenMode): number | null;
    /** Returns the flags as of `fs.open` for bits of `OPEN_MODE`; `null` for others. */
    function flagsToString(flags: number): OpenMode | null;
  }
}
