import { code, failure } from "@nacre/testing/nacre/outcomes";
import { generateWebKey, importWebKey, keyStore, type WebKey } from "@nacre/web/keys";
import { utf8Encode } from "@nacre/wire";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { deleteDatabase, emptyIndexedDb } from "./support/indexed-db.ts";
import { keyText } from "./support/key-texts.ts";

const DATA = utf8Encode("what is signed");
let indexedDB: IDBFactory;

beforeEach(async () => {
  indexedDB = await emptyIndexedDb();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Runs `use` with the object store of the database. */
function inDatabase(name: string, use: (store: IDBObjectStore) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(name);
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const transaction = database.transaction("keys", "readwrite");
      use(transaction.objectStore("keys"));
      transaction.oncomplete = () => {
        database.close();
        resolve();
      };
    };
  });
}

describe("a store of keys", () => {
  it("keeps keys for the next visit, which sign as before and are not extractable", async () => {
    const made = await generateWebKey();
    await keyStore({ indexedDB }).add("laptop", made);
    const found = await keyStore({ indexedDB }).get("laptop");
    expect(found!.publicKey).toEqual(made.publicKey);
    expect(found!.authorizedKeysLine("x")).toBe(made.authorizedKeysLine("x"));
    const [key] = Object.values(found!.privateKeys);
    expect(key).toMatchObject({ type: "private", extractable: false });
    expect(key).not.toBe(Object.values(made.privateKeys)[0]);
    // Ed25519 signatures are deterministic.
    expect(await found!.sign("ssh-ed25519", DATA)).toEqual(await made.sign("ssh-ed25519", DATA));
  });

  it("keeps both halves of an imported RSA key", async () => {
    const key = await importWebKey((await keyText("ssh-rsa", "openssh")).text);
    await keyStore({ indexedDB }).add("old", key);
    const found = await keyStore({ indexedDB }).get("old");
    expect(found!.publicKey.algorithms.map(({ name }) => name)).toEqual(["rsa-sha2-512", "rsa-sha2-256"]);
    for (const { name } of found!.publicKey.algorithms)
      expect(await found!.sign(name, DATA)).toEqual(await key.sign(name, DATA));
  });

  it("lists and deletes", async () => {
    const store = keyStore({ indexedDB });
    expect(await store.list()).toEqual([]);
    const keys: WebKey[] = [await generateWebKey(), await generateWebKey()];
    await store.add("b", keys[1]!);
    await store.add("a", keys[0]!);
    const listed = await store.list();
    expect(listed.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(listed.map(({ key }) => key.publicKey.blob)).toEqual(keys.map(({ publicKey }) => publicKey.blob));
    expect(await store.delete("a")).toBe(true);
    expect(await store.delete("a")).toBe(false);
    expect(await store.get("a")).toBeUndefined();
    expect((await store.list()).map(({ name }) => name)).toEqual(["b"]);
  });

  it("never writes a key over another", async () => {
    const store = keyStore({ indexedDB });
    const first = await generateWebKey();
    await store.add("laptop", first);
    const error = await failure(store.add("laptop", await generateWebKey()));
    expect(error).toMatchObject({ code: "usage", message: expect.stringContaining('"laptop"') });
    expect((await store.get("laptop"))!.publicKey).toEqual(first.publicKey);
  });

  it("uses a separate database for each name", async () => {
    await keyStore({ indexedDB, database: "one" }).add("x", await generateWebKey());
    expect(await keyStore({ indexedDB, database: "two" }).list()).toEqual([]);
    expect((await indexedDB.databases()).map(({ name }) => name)).toEqual(["one", "two"]);
  });

  it("leaves no connection to the database open", async () => {
    const store = keyStore({ indexedDB });
    await store.add("x", await generateWebKey());
    await store.list();
    await failure(store.add("x", await generateWebKey()));
    await deleteDatabase(indexedDB, "nacre-keys");
  });
});

describe("a store of keys rejects", () => {
  it("invalid names, keys and options", async () => {
    const store = keyStore({ indexedDB });
    const key = await generateWebKey();
    for (const name of ["", undefined, 7])
      for (const work of [store.add(name as string, key), store.get(name as string), store.delete(name as string)])
        expect(await failure(work)).toEqual(code("usage"));
    for (const none of [undefined, {}, { publicKey: key.publicKey }])
      expect(await failure(store.add("x", none as never))).toEqual(code("usage"));
    expect(() => keyStore({ indexedDb: indexedDB } as never)).toThrow(code("usage"));
  });

  it("a platform without IndexedDB", () => {
    vi.stubGlobal("indexedDB", undefined);
    expect(() => keyStore()).toThrow(code("not-supported-here"));
    vi.stubGlobal("indexedDB", indexedDB);
    expect(() => keyStore()).not.toThrow();
  });

  it("a key that cannot be stored", async () => {
    const key = await generateWebKey();
    const unclonable = { ...key, privateKeys: { "ssh-ed25519": () => {} } } as unknown as WebKey;
    expect(await failure(keyStore({ indexedDB }).add("x", unclonable))).toEqual(code("file-unreadable"));
  });

  it.each<[string, object]>([
    ["no field of a key", {}],
    ["an invalid public key", { publicKey: Uint8Array.of(1), privateKeys: {} }],
    ["no private key", { privateKeys: {} }],
    ["an invalid private key", { privateKeys: { "ssh-ed25519": { type: "secret" } } }],
  ])("a record with %s", async (_, change) => {
    const store = keyStore({ indexedDB });
    const { publicKey, privateKeys } = await generateWebKey();
    await store.add("x", await generateWebKey());
    const isEmpty = Object.keys(change).length === 0;
    const record = isEmpty ? {} : { publicKey: publicKey.blob, privateKeys, ...change };
    await inDatabase("nacre-keys", (objects) => objects.put(record, "x"));
    expect(await failure(store.get("x"))).toEqual(code("file-malformed"));
    expect(await failure(store.list())).toEqual(code("file-malformed"));
    expect(await store.delete("x")).toBe(true);
  });

  it("a database of another version or without the store", async () => {
    await new Promise<void>((resolve) => {
      const opening = indexedDB.open("nacre-keys", 2);
      opening.onsuccess = () => {
        opening.result.close();
        resolve();
      };
    });
    expect(await failure(keyStore({ indexedDB }).list())).toEqual(code("file-unreadable"));
    await new Promise<void>((resolve) => {
      indexedDB.open("other", 1).onsuccess = ({ target }) => {
        (target as IDBOpenDBRequest).result.close();
        resolve();
      };
    });
    expect(await failure(keyStore({ indexedDB, database: "other" }).list())).toEqual(code("file-unreadable"));
  });

  it("a platform that forbids the database", async () => {
    const forbidden = {
      open: () => {
        throw new DOMException("The operation is insecure.", "SecurityError");
      },
    };
    expect(await failure(keyStore({ indexedDB: forbidden as never }).list())).toEqual(code("file-unreadable"));
  });

  it("a database that does not answer within ten seconds, and closes it if it opens later", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const opening: { onsuccess?: () => void; result: { close: () => void } } = { result: { close: vi.fn() } };
    const silent = { open: () => opening };
    const listing = failure(keyStore({ indexedDB: silent as never }).list());
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await listing).toEqual(code("file-unreadable"));
    expect(opening.result.close).not.toHaveBeenCalled();
    opening.onsuccess!();
    expect(opening.result.close).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });
});
