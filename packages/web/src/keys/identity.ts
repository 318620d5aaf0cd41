import type { PublicKey } from "@nacre/keys/internal";
import { base64Encode, SshError } from "@nacre/wire";
import type { RemoteIdentity } from "nacre/extend";

/** A key in a page, for the `identities` option of `connect`. */
export interface WebIdentity extends RemoteIdentity {
  /** Returns the `~/.ssh/authorized_keys` line that permits a login with this key. Throws `usage` if the comment has more than one line. */
  authorizedKeysLine(comment?: string): string;
}

/** Formats a public key as one line. Throws `usage` if the comment has more than one line. */
export function publicKeyLine(publicKey: PublicKey, comment = ""): string {
  if (/[\r\n\0]/.test(comment)) throw new SshError("usage", "the comment of a key must be one line");
  return `${publicKey.format} ${base64Encode(publicKey.blob)}${comment === "" ? "" : ` ${comment}`}`;
}
