import { sha256 } from "@nacre/testing/toys";
import { concatBytes, equalBytes, utf8Encode } from "@nacre/wire";

/** Stands for the platform's Kerberos: a third party that knows the secret of each user. Its calls take time, as real ones do. */
export class Realm {
  readonly #secrets: Readonly<Record<string, string>>;

  /** `secrets` by user name. */
  constructor(secrets: Readonly<Record<string, string>>) {
    this.#secrets = secrets;
  }

  /** Client: the first token, which names the user. */
  async initiate(user: string): Promise<Uint8Array> {
    return utf8Encode(user);
  }

  /** Server: the token that answers it. */
  async accept(token: Uint8Array): Promise<Uint8Array> {
    return sha256(token);
  }

  /** Client: proves with the secret of the user that it sent `data`. */
  async sign(secret: string, data: Uint8Array): Promise<Uint8Array> {
    return sha256(concatBytes(utf8Encode(secret), data));
  }

  /** Server: returns the principal if the user made `mic` over `data`. */
  async verify(user: string, mic: Uint8Array, data: Uint8Array): Promise<string | undefined> {
    const secret = Object.hasOwn(this.#secrets, user) ? this.#secrets[user]! : undefined;
    if (secret === undefined || !equalBytes(mic, await this.sign(secret, data))) return undefined;
    return `${user}@EXAMPLE.ORG`;
  }
}
