import type { Bytes, SshError } from "@nacre/wire";
import type { Attributes } from "./messages/attributes.ts";
import type { StatVfs, UsersGroups } from "./messages/extensions.ts";
import type { NameEntry } from "./messages/replies.ts";

/** Limits of a server, for use by its client. Sizes are in bytes. */
export interface SftpLimits {
  /** Maximum length of a packet to the server, without its length field. */
  readonly maxPacketLength: number;
  /** Maximum length of a read. A longer one returns less. */
  readonly maxReadLength: number;
  /** Maximum length of the data of a write. */
  readonly maxWriteLength: number;
  /** Number of handles that may be open; `undefined` if the server does not state it. 1 once it has given a handle to two files. */
  readonly maxOpenHandles: number | undefined;
}

/** Common fields of the events that answer a request. */
export interface Answered<Waiter> {
  /** The request's id, as the method that sent it returned it. */
  readonly request: number;
  /** The value that was passed with the request. */
  readonly waiter: Waiter;
}

/** The event that answers a request. Each request gets exactly one, except an abandoned one. */
export type SftpReplyEvent<Waiter> =
  /**
   * Outcome of a request without a result, or failure of any request; see `SSH_FX` and `SftpError`. `message` may be empty. It is raw text
   * from the server: escape it before display.
   */
  | ({ readonly type: "status"; readonly status: number; readonly message: string } & Answered<Waiter>)
  /** Handle of an opened file or directory. */
  | ({ readonly type: "handle"; readonly handle: Bytes } & Answered<Waiter>)
  /**
   * Bytes of a file in the pieces in which they arrived, at least one, none empty. `length` is the number of bytes. No piece shares its
   * buffer with anything else.
   */
  | ({ readonly type: "data"; readonly pieces: readonly Bytes[]; readonly length: number } & Answered<Waiter>)
  /** Names in a directory, at least one. */
  | ({ readonly type: "names"; readonly names: readonly NameEntry[] } & Answered<Waiter>)
  /** A path: reply to "realpath", "readlink", "expand-path" and "home-directory". */
  | ({ readonly type: "name"; readonly name: NameEntry } & Answered<Waiter>)
  /** Attributes of a file. */
  | ({ readonly type: "attributes"; readonly attributes: Attributes } & Answered<Waiter>)
  /** Facts about a file system. */
  | ({ readonly type: "statvfs"; readonly statvfs: StatVfs } & Answered<Waiter>)
  /** Names of users and groups, one for each requested id. */
  | ({ readonly type: "users-groups" } & UsersGroups & Answered<Waiter>)
  /** Reply to an "extended" request. */
  | ({ readonly type: "extended"; readonly data: Bytes } & Answered<Waiter>)
  /**
   * No valid reply will come. `error` is that of the "closed" event if SFTP ended before it, or `sftp-handle-reused` if the server
   * gave the same handle to two files.
   */
  | ({ readonly type: "unanswered"; readonly error: SshError } & Answered<Waiter>);

/** Event of an `SftpClient`. */
export type SftpClientEvent<Waiter = void> =
  /** The server speaks version 3. Requests can be sent. */
  | { readonly type: "ready" }
  /**
   * The server stated its limits, or refused to: then they are as before. `serverLimits` has them too. Follows "ready" only if the server
   * has limits@openssh.com.
   */
  | { readonly type: "limits"; readonly limits: SftpLimits }
  | SftpReplyEvent<Waiter>
  /** SFTP ended: by `end`, or because the server violated the protocol. Last event; close the channel. */
  | { readonly type: "closed"; readonly error: SshError };
