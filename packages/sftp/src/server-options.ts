import { type Overrides, SshError } from "@nacre/wire";
import { type HandleTable, MadeHandles } from "./handles.ts";
import { SFTP_EXTENSIONS, type SftpExtension } from "./messages/extensions.ts";
import type { SftpServerLimits } from "./messages/limits.ts";
import { RawHandles } from "./raw-handles.ts";
import type { SymlinkOrder } from "./symlink-order.ts";

/** Options of `SftpServer`. */
export interface SftpServerOptions<Handle = unknown> {
  /**
   * Extensions to announce: values of `SFTP_EXTENSIONS`, or the application's own, whose requests are "extended". Default none except
   * limits@openssh.com, which the server always announces and answers itself. Requests of other extensions are refused as unsupported.
   *
   * `"raw"` announces none, and passes every request of an extension to the application as "extended".
   */
  readonly extensions?: readonly SftpExtension[] | "raw" | undefined;
  /** Resource limits; missing ones have their defaults. */
  readonly limits?: Overrides<SftpServerLimits> | undefined;
  /** Order of the paths in the client's SSH_FXP_SYMLINK; default "target-first". `symlinkOrderOf` has that of a client. */
  readonly symlinkOrder?: SymlinkOrder | undefined;
  /**
   * `"raw"` sends the application's handles as they are: 1 to 256 bytes, which the client sends back in its requests. The server only
   * checks this length. Expect any handle in any request: a closed, forged or foreign one, or that of a directory in a "read". Requests on
   * one handle come as they arrive, also a "close" before the answers to earlier ones, and replies to writes leave in the order of the
   * answers. Open handles get no "release": close them at "closed". Default: the server makes the handles, and does all of this.
   */
  readonly handles?: (Handle extends Uint8Array ? "raw" : never) | undefined;
}

/** Returns the extensions to announce, with limits@openssh.com. Throws `usage` if two have the same name. */
export function announcedExtensions(extensions: readonly SftpExtension[]): readonly SftpExtension[] {
  const own = SFTP_EXTENSIONS.limits;
  const all = [...extensions.filter(({ name }) => name !== own.name), own];
  if (new Set(all.map(({ name }) => name)).size < all.length)
    throw new SshError("usage", "two SFTP extensions with the same name in `extensions`; list each once");
  return all;
}

/** Returns an empty table for the option `handles`. Throws `usage` for another value. */
export function handleTable<Handle>(handles: SftpServerOptions<Handle>["handles"]): HandleTable<Handle> {
  if (handles === undefined) return new MadeHandles<Handle>();
  if (handles !== "raw")
    throw new SshError(
      "usage",
      '`handles` of `SftpServer` must be "raw"; leave it out if the server makes the handles',
    );
  // The type of the option permits "raw" only where the application's values are bytes.
  return new RawHandles() as HandleTable<unknown> as HandleTable<Handle>;
}
