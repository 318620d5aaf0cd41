/** Milliseconds for one transaction, the opening of the database included. */
const TIMEOUT = 10_000;
const STORE = "keys";

/** An IndexedDB database with one object store. It is open only during a transaction, so that nothing is left to close. */
export interface KeyDatabase {
  readonly factory: IDBFactory;
  readonly name: string;
}

/** Runs requests in one transaction and returns their results when it is durable. Rejects with the database's own error. */
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
        // A key that is not extractable cannot be restored: it is on disk before this resolves.
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
