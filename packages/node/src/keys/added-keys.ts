import type { UnlockedKey } from "@nacre/keyfiles/internal";
import type { PrivateKey } from "@nacre/keys/internal";
import { checkLimit, MAX_UINT32, SshError, type SshErrorCode } from "@nacre/wire";
import { checkOptions, type OptionRows, type RemoteIdentity } from "nacre/extend";
import { showPath } from "../windows/system.ts";
import { LIST_TIMEOUT, linkTo } from "./agent.ts";

/** How to add a key to the agent. */
export interface AddedKeyOptions {
  /** Seconds after which the agent forgets the key; default never. */
  readonly lifetime?: number | undefined;
  /** Whether the agent asks its user before each signature; default false. */
  readonly confirm?: boolean | undefined;
  /** Decides whether the key of a file is added; default every key that logged in. */
  readonly permit?: ((file: string) => boolean | Promise<boolean>) | undefined;
}

const ADDED_KEY_OPTIONS: OptionRows<AddedKeyOptions> = {
  lifetime: {
    check(lifetime = 1) {
      checkLimit("lifetime", lifetime, { least: 1, most: MAX_UINT32, unit: "seconds" });
    },
  },
  confirm: "boolean",
  permit: "function",
};

/** Throws `usage` for an invalid value of `addKeysToAgent`. */
export function checkAddedKeys(given: boolean | AddedKeyOptions | undefined): void {
  if (typeof given === "object") checkOptions(given, ADDED_KEY_OPTIONS, "`addKeysToAgent`");
}

/** Options of a login that {@link AddedKeys} uses. */
export interface AddingOptions {
  readonly addKeysToAgent?: boolean | AddedKeyOptions | undefined;
  readonly random: (length: number) => Uint8Array;
  readonly warn: (text: string, code?: SshErrorCode) => void;
}

/** The key of a file that signed last, for the agent. */
export class AddedKeys {
  readonly #options: AddingOptions;
  #last: { readonly key: UnlockedKey; readonly file: string } | undefined;

  constructor(options: AddingOptions) {
    this.#options = options;
  }

  /** Notes that a key is about to sign. */
  used(key: UnlockedKey, file: string): void {
    this.#last = { key, file };
  }

  /** Returns a key of a file. If it may have to be added, it signs only when it is asked to, so that its use is noted. */
  watched(key: UnlockedKey, file: string): PrivateKey | RemoteIdentity {
    const { addKeysToAgent = false, random } = this.#options;
    const { privateKey } = key;
    if (addKeysToAgent === false) return privateKey;
    const watched: RemoteIdentity = {
      publicKey: privateKey.publicKey,
      comment: file,
      sign: async (algorithm, data) => {
        this.used(key, file);
        return privateKey.sign(algorithm, data, random);
      },
    };
    return watched;
  }

  /** Adds the key that signed last to the agent. */
  async addTo(path: string | undefined): Promise<void> {
    const { addKeysToAgent = false, warn } = this.#options;
    const last = this.#last;
    if (addKeysToAgent === false || last === undefined || path === undefined) return;
    const { lifetime, confirm, permit }: AddedKeyOptions = addKeysToAgent === true ? {} : addKeysToAgent;
    const wait = { timeout: LIST_TIMEOUT };
    try {
      const { privateKey, comment } = last.key;
      if (permit !== undefined && ((await permit(last.file)) as unknown) !== true) return;
      const link = await linkTo(path, wait);
      const key = { type: "plain", fields: privateKey.fields } as const;
      const { type } = await link
        .request((client, waiter) => client.add(key, comment || last.file, { lifetime, confirm }, waiter), wait)
        .finally(() => link.close());
      if (type === "refused") throw link.failure(`it refused to add ${showPath(last.file)}`);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      warn(error.message);
    }
  }
}
