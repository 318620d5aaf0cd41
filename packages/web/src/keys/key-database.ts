/** Timeout of one transaction in milliseconds, including the opening of the database. */
const TIMEOUT = 10_000;
const STORE = "keys";

/** An IndexedDB database with one object store. It is open only during a transaction, so callers need not close it. */
export interface KeyDatabase {
  readonly factory: IDBFactory;
  readonly name: string;
}

/** Runs requests in one transaction and resolves with them after the data is durable. Rejects with the database's own error. */
export function transact<T extends readonly IDBRequest[]>(
  { factory, name }: KeyDatabase,
  mode: IDBTransactionMode,
  begin: (store: IDBObjectStore) => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let database: IDBDatabase | undefined;
    let isOver = false;
    const settle = (): void => {
      isOver = true;
      clearTimeout(timer);
      database?.close();
    };
    const fail = (cause: unknown): void => {
      settle();
      reject(cause);
    };
    const timer = setTimeout(() => fail(new Error(`the database did not answer within ${TIMEOUT} ms`)), TIMEOUT);
    try {
      const opening = factory.open(name, 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
      opening.onerror = () => fail(opening.error);
      opening.onsuccess = () => {
        database = opening.result;
        if (isOver) database.close();
        else run(database);
      };
    } catch (cause) {
      fail(cause);
    }

    function run(opened: IDBDatabase): void {
      try {
        // Strict durability, because a lost key that is not extractable cannot be restored.
        const transaction = opened.transaction(STORE, mode, { durability: "strict" });
        transaction.onabort = () => fail(transaction.error);
        const requests = begin(transaction.objectStore(STORE));
        transaction.oncomplete = () => {
          settle();
          resolve(requests);
        };
      } catch (cause) {
        fail(cause);
      }
    }
  });
}
