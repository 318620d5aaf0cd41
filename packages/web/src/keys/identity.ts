import type { PublicKey } from "@nacre/keys/internal";
import { base64Encode, SshError } from "@nacre/wire";
import type { RemoteIdentity } from "nacre/internal";

/** A key of a page, for the option `identities` of `connect`. */
export interface WebIdentity extends RemoteIdentity {
  /**
   * The line of `~/.ssh/authorized_keys` that lets this key log in. Throws `usage` for a comment of more than one line.
   */
  authorizedKeysLine(comment?: string): string;
}

/** Makes the line of a public key. Throws `usage` for a comment of more than one line. */
export function publicKeyLine(publicKey: PublicKey, comment = ""): string {
  if (/[\r\n\0]/.test(comment)) throw new SshError("usage", "the comment of a key must be one line");
  return `${publicKey.format} ${base64Encode(publicKey.blob)}${comment === "" ? "" : ` ${comment}`}`;
}
