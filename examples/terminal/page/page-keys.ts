import {
  createPasskey,
  generateWebKey,
  keyStore,
  type Passkey,
  passkeyIdentity,
  type WebIdentity,
  type WebKey,
} from "@nacre/web/keys";
import { explainKey } from "./problems.ts";

const store = keyStore();
/** Name of this page's key in the key store. */
const KEY_NAME = "terminal";
/** Name of the passkey's public data in `localStorage`. */
const PASSKEY_ITEM = "passkey";

/** A kind of key that the page makes and keeps. Its errors are sentences for the user. */
export interface PageKey {
  /** Resolves with the key, or `undefined` if the page has none. */
  get(): Promise<WebIdentity | undefined>;
  /** Makes and keeps a key. */
  make(): Promise<WebIdentity>;
  /** Deletes the key permanently. */
  delete(): Promise<void>;
  /** Comment of the authorized_keys line. */
  readonly comment: string;
}

/** A key in IndexedDB. Its private half is not extractable. */
export const browserKey: PageKey = explained({
  get: () => store.get(KEY_NAME),
  async make(): Promise<WebKey> {
    // Asks the browser not to evict the key when storage is short. A refusal changes nothing else.
    await navigator.storage.persist();
    const key = await generateWebKey();
    await store.add(KEY_NAME, key);
    return key;
  },
  delete: async () => void (await store.delete(KEY_NAME)),
  comment: `browser-key@${location.hostname}`,
});

/** A WebAuthn credential. Only its public data is kept here. */
export const passkey: PageKey = explained({
  get() {
    const kept = localStorage.getItem(PASSKEY_ITEM);
    return Promise.resolve(kept === null ? undefined : passkeyIdentity(JSON.parse(kept) as Passkey));
  },
  async make() {
    const made = await createPasskey({ name: `SSH from ${location.host}` });
    localStorage.setItem(PASSKEY_ITEM, JSON.stringify(made));
    return passkeyIdentity(made);
  },
  delete: () => Promise.resolve(localStorage.removeItem(PASSKEY_ITEM)),
  comment: `passkey@${location.hostname}`,
});

/** Returns the key with sentences for the user in place of the library's errors. */
function explained(key: PageKey): PageKey {
  return {
    get: () => orSentence(() => key.get()),
    make: () => orSentence(() => key.make()),
    delete: () => orSentence(() => key.delete()),
    comment: key.comment,
  };
}

async function orSentence<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new Error(explainKey(error), { cause: error });
  }
}

/** Returns whether this browser has WebAuthn. */
export function hasPasskeys(): boolean {
  return typeof PublicKeyCredential === "function" && typeof navigator.credentials?.create === "function";
}
