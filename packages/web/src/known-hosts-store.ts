import { parseKnownHosts, removeKnownHost } from "@nacre/keyfiles";
import { SshError } from "@nacre/wire";

/** Keeps the text of a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
export interface KnownHostsStore {
  /** Resolves with the text; empty if nothing is stored. */
  read(): Promise<string>;
  /** Replaces the text by what `change` returns, in one step. No other tab or worker changes it in between. */
  update(change: (text: string) => string): Promise<void>;
}

/** Where IndexedDB keeps known hosts. */
export interface IndexedDbOptions {
  /** Name of the database; `"nacre"` by default. */
  readonly database?: string | undefined;
  /** `globalThis.indexedDB` by default. */
  readonly indexedDB?: IDBFactory | undefined;
}

const STORE = "known-hosts";
/** Key of the one record. */
const TEXT = "text";

/** How long the database may take: milliseconds. */
const TIMEOUT = 10_000;

/**
 * Known hosts in IndexedDB, for all pages and workers of this origin. Rejects with `file-unreadable` if the database fails, and with
 * `not-supported-here` if there is none.
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

/** Removes the keys of a host, so that its next key is unknown. Resolves with the number of keys removed. Rejects with `usage` for an invalid host. */
export async function forgetHost(
  host: string,
  port = 22,
  knownHosts: KnownHostsStore = indexedDbKnownHosts(),
): Promise<number> {
  parseKnownHosts().find(host, port); // An exception must not reach the store.
  let count = 0;
  await knownHosts.update((text) => {
    const { text: rest, removed } = removeKnownHost(text, host, port);
    count = removed.length;
    return rest;
  });
  return count;
}

/** Calls `use` with the text in a transaction, and stores what that puts. Closes the database. */
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
  done.catch(() => {}); // Awaited below, unless something else fails first.
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
