import { parsePublicKey } from "@nacre/keys/internal";
import { escapeText, SshError } from "@nacre/wire";
import { checkOptions, type OptionRows } from "nacre/extend";
import { type KeyDatabase, transact } from "./key-database.ts";
import { type WebKey, webKeyOf } from "./web-key.ts";

/** Options of `keyStore`. */
export interface KeyStoreOptions {
  /** Name of the IndexedDB database; default `"nacre-keys"`. */
  readonly database?: string | undefined;
  /** IndexedDB factory; default `globalThis.indexedDB`. */
  readonly indexedDB?: IDBFactory | undefined;
}

const KEY_STORE_OPTIONS: OptionRows<KeyStoreOptions> = { database: true, indexedDB: true };

/** A key and its name in the store. */
export interface StoredKey {
  readonly name: string;
  readonly key: WebKey;
}

/**
 * Named keys in IndexedDB, available to pages of this origin in this browser. They persist until they are deleted or the user clears the
 * site's data. Each method rejects with `file-unreadable` if the database fails.
 */
export interface KeyStore {
  /** Stores a key. Rejects with `usage` if the name is in use, because an overwritten key cannot be restored. */
  add(name: string, key: WebKey): Promise<void>;
  /** Resolves with the key of that name, or `undefined`. */
  get(name: string): Promise<WebKey | undefined>;
  /** Resolves with all keys, sorted by name. */
  list(): Promise<readonly StoredKey[]>;
  /** Deletes a key permanently. Resolves with whether the key existed. */
  delete(name: string): Promise<boolean>;
}

/** A database record. Its key is the name. */
interface KeyRecord {
  readonly publicKey: Uint8Array;
  /** Private keys by signature algorithm. IndexedDB stores CryptoKey objects without exposing key material. */
  readonly privateKeys: Readonly<Record<string, CryptoKey>>;
}

/** Creates a key store. Throws `not-supported-here` if the platform lacks IndexedDB. */
export function keyStore(options: KeyStoreOptions = {}): KeyStore {
  checkOptions(options, KEY_STORE_OPTIONS, "keyStore");
  const factory = options.indexedDB ?? (globalThis as { readonly indexedDB?: IDBFactory }).indexedDB;
  if (factory === undefined)
    throw new SshError("not-supported-here", "this platform has no IndexedDB: give one as the option indexedDB");
  const database: KeyDatabase = { factory, name: options.database ?? "nacre-keys" };

  return {
    async add(name, key) {
      checkName(name);
      const { publicKey, privateKeys } = checkWebKey(key);
      const record: KeyRecord = { publicKey: publicKey.blob, privateKeys };
      await explained(
        database,
        transact(database, "readwrite", (store) => [store.add(record, name)]),
        name,
      );
    },
    async get(name) {
      checkName(name);
      const [found] = await explained(
        database,
        transact(database, "readonly", (store) => [store.get(name)] as const),
      );
      return found.result === undefined ? undefined : keyOf(name, found.result);
    },
    async list() {
      const [names, records] = await explained(
        database,
        transact(database, "readonly", (store) => [store.getAllKeys(), store.getAll()] as const),
      );
      return names.result.flatMap((name, i) =>
        typeof name === "string" ? [{ name, key: keyOf(name, records.result[i]) }] : [],
      );
    },
    async delete(name) {
      checkName(name);
      const [found] = await explained(
        database,
        transact(database, "readwrite", (store) => [store.getKey(name), store.delete(name)] as const),
      );
      return found.result !== undefined;
    },
  };
}

/** Returns the key of a record. Throws `file-malformed` if another program or a later version wrote an unknown format. */
function keyOf(name: string, record: Partial<KeyRecord>): WebKey {
  try {
    return webKeyOf(parsePublicKey(record.publicKey!), checkPrivateKeys(record.privateKeys));
  } catch (cause) {
    throw new SshError("file-malformed", `the stored key "${escapeText(name)}" cannot be read; delete it`, { cause });
  }
}

function checkPrivateKeys(privateKeys: KeyRecord["privateKeys"] | undefined): KeyRecord["privateKeys"] {
  const keys = Object.values(privateKeys ?? {});
  if (keys.length > 0 && keys.every((key) => key?.type === "private" && key.usages.includes("sign")))
    return privateKeys!;
  throw new SshError("file-malformed", "it holds no private key to sign with");
}

function checkName(name: unknown): void {
  if (typeof name !== "string" || name === "") throw new SshError("usage", "the name of a stored key must be text");
}

function checkWebKey(key: Partial<WebKey> | undefined): WebKey {
  if (key?.publicKey !== undefined && key.privateKeys !== undefined) return key as WebKey;
  throw new SshError("usage", "keyStore keeps keys of generateWebKey and importWebKey only");
}

/** Converts database errors to an `SshError`. `added` is the name of the key that `add` stores. */
async function explained<T>({ name }: KeyDatabase, work: Promise<T>, added?: string): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const { name: kind, message = String(cause) } = (cause ?? {}) as {
      readonly name?: string;
      readonly message?: string;
    };
    if (added !== undefined && kind === "ConstraintError")
      throw new SshError("usage", `there is a key "${escapeText(added)}" already; delete it, or take another name`, {
        cause,
      });
    throw new SshError(
      "file-unreadable",
      `the key database "${escapeText(name)}" cannot be used: ${escapeText(message)}`,
      {
        cause,
      },
    );
  }
}
