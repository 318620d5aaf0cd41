import { parseKnownHosts, removeKnownHost } from "@nacre/keyfiles";
import { SshError } from "@nacre/wire";

/** Storage for the text of a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
export interface KnownHostsStore {
  /** Resolves with the text, or with an empty string if nothing is stored. */
  read(): Promise<string>;
  /** Replaces the text with the result of `change`, atomically across tabs and workers. */
  update(change: (text: string) => string): Promise<void>;
}

/** Options of `indexedDbKnownHosts`. */
export interface IndexedDbOptions {
  /** Name of the database; default `"nacre"`. */
  readonly database?: string | undefined;
  /** IndexedDB factory; default `globalThis.indexedDB`. */
  readonly indexedDB?: IDBFactory | undefined;
}

const STORE = "known-hosts";
/** Key of the only record. */
const TEXT = "text";

/** Timeout of one database operation in milliseconds. */
const TIMEOUT = 10_000;

/**
 * Returns a known-hosts store in IndexedDB, shared by all pages and workers of this origin. Its methods reject with `file-unreadable` if
 * the database fails, or with `not-supported-here` if the platform lacks IndexedDB.
 */
export function indexedDbKnownHosts(options: IndexedDbOptions = {}): KnownHostsStore {
  const { database = "nacre", indexedDB = globalThis.indexedDB } = options;
  return {
    read: () => inTransaction(indexedDB, database, "readonly", (text) => text),
    update: async (change) => {
      await inTransaction(indexedDB, database, "readwrite", (text, put) => put(change(text)));
    },
  };
}

/**
 * Removes the keys of a host, so that its next key is unknown. Resolves with the number of removed keys. Rejects with `usage` if `host` is
 * invalid.
 */
export async function forgetHost(
  host: string,
  port = 22,
  knownHosts: KnownHostsStore = indexedDbKnownHosts(),
): Promise<number> {
  parseKnownHosts().find(host, port); // Throw before the store runs the callback.
  let count = 0;
  await knownHosts.update((text) => {
    const { text: rest, removed } = removeKnownHost(text, host, port);
    count = removed.length;
    return rest;
  });
  return count;
}

/** Calls `use` with the text inside a transaction, and stores the text that `use` passes to `put`. Closes the database. */
async function inTransaction<T>(
  factory: IDBFactory | undefined,
  name: string,
  mode: IDBTransactionMode,
  use: (text: string, put: (text: string) => void) => T,
): Promise<T> {
  if (factory === undefined)
    throw new SshError("not-supported-here", "there is no IndexedDB here: give `hostKey` or `knownHosts`");
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${TIMEOUT} ms`)), TIMEOUT);
  });
  try {
    const opening = factory.open(name, 1);
    opening.onupgradeneeded = () => void opening.result.createObjectStore(STORE);
    const work = answer(opening).then((database) => inDatabase(database, mode, use).finally(() => database.close()));
    return await Promise.race([work, late]);
  } catch (cause) {
    throw new SshError("file-unreadable", `known hosts in IndexedDB failed: ${String(cause)}`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

async function inDatabase<T>(
  database: IDBDatabase,
  mode: IDBTransactionMode,
  use: (text: string, put: (text: string) => void) => T,
): Promise<T> {
  const transaction = database.transaction(STORE, mode);
  const done = new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("it was aborted"));
  });
  done.catch(() => {}); // Prevents an unhandled rejection if an earlier step fails.
  const store = transaction.objectStore(STORE);
  const text: unknown = await answer(store.get(TEXT));
  const result = use(typeof text === "string" ? text : "", (changed) => void store.put(changed, TEXT));
  await done;
  return result;
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
