import type { PrivateKey } from "@nacre/keys/internal";
import { equalBytes } from "@nacre/wire";
import { MAX_MESSAGE_LENGTH } from "../constants.ts";
import { encodeAnswer } from "../messages/answers.ts";
import type { Destination } from "../messages/constraints.ts";

/** A key in an agent. */
export interface HeldKey {
  /** Public key or certificate blob. */
  readonly publicKey: Uint8Array;
  readonly privateKey: PrivateKey;
  readonly comment: string;
  /** Time at which the agent forgets the key; `undefined` for never. */
  readonly expires: number | undefined;
  /** Whether the agent's user must confirm each signature. */
  readonly confirm: boolean;
  /** `undefined`: the key may be used everywhere. */
  readonly destinations: readonly Destination[] | undefined;
}

/** The keys of an agent, oldest first. */
export class KeyStore {
  readonly #maxKeys: number;
  #keys: readonly HeldKey[] = [];

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  /** Time at which the next key expires. */
  get deadline(): number | undefined {
    const times = this.#keys.flatMap(({ expires }) => expires ?? []);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Returns the keys that have not expired. Forgets the others. */
  all(now: number): readonly HeldKey[] {
    // rule: agent-lifetime
    this.#keys = this.#keys.filter(({ expires }) => expires === undefined || now < expires);
    return this.#keys;
  }

  /** Returns the key with this public key or certificate blob. */
  find(publicKey: Uint8Array, now: number): HeldKey | undefined {
    return this.all(now).find((key) => equalBytes(key.publicKey, publicKey));
  }

  /** Adds a key, or replaces one with the same blob. Returns false if it does not fit. */
  put(key: HeldKey, now: number): boolean {
    const keys = [...this.all(now).filter((one) => !equalBytes(one.publicKey, key.publicKey)), key];
    // rule: agent-keys
    if (keys.length > this.#maxKeys) return false;
    // The answer to a list must not exceed what a client accepts.
    // rule: agent-list-length
    if (encodeAnswer({ type: "identities", identities: keys }).length > MAX_MESSAGE_LENGTH) return false;
    this.#keys = keys;
    return true;
  }

  remove(key: HeldKey): void {
    this.#keys = this.#keys.filter((one) => one !== key);
  }

  clear(): void {
    this.#keys = [];
  }
}
