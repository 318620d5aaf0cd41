import { IDBFactory as FakeFactory } from "fake-indexeddb";

/** Returns an IndexedDB without databases: the browser's own in a page, otherwise a fake. */
export async function emptyIndexedDb(): Promise<IDBFactory> {
  const { indexedDB } = globalThis as { readonly indexedDB?: IDBFactory };
  if (indexedDB === undefined) return new FakeFactory();
  for (const { name } of await indexedDB.databases()) await deleteDatabase(indexedDB, name!);
  return indexedDB;
}

/** Deletes a database. Rejects if a connection to it is open. */
export function deleteDatabase(factory: IDBFactory, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const deleting = factory.deleteDatabase(name);
    deleting.onblocked = () => reject(new Error(`a connection to the database ${name} is open`));
    deleting.onerror = () => reject(deleting.error);
    deleting.onsuccess = () => resolve();
  });
}
