import { type SftpPeer, type SftpServerSettings, sftpServer as serveFileSystem } from "@nacre/files/server";
import { checkOptions, type OptionRows } from "nacre/extend";
import type { NodeSession, SessionHandler } from "../listen/session.ts";
import { diskOfSessions } from "./disk-file-system.ts";
import { DISK_OPTIONS, type DiskFileSystemOptions } from "./options.ts";

/** Options of `sftpServer`: what is served, and how. */
export interface SftpServerOptions extends DiskFileSystemOptions, SftpServerSettings {
  readonly readOnly?: boolean | undefined;
}

/** Names of the options of `sftpServer`. */
export const SFTP_SERVER_OPTIONS: OptionRows<SftpServerOptions> = {
  ...DISK_OPTIONS,
  readOnly: true,
  allowRequests: true,
  denyRequests: true,
  limits: true,
  log: true,
  onRequest: true,
};

/**
 * Makes a handler for the subsystem "sftp" of `listen`, which serves the files below `root` with SFTP version 3 and OpenSSH's extensions.
 * A function gets each session and returns its options, such as a root for each user; look the user name up, never paste it into a path.
 *
 * `diskFileSystem` says how the root is kept, `sftpServer` of `@nacre/files/server` in which order requests run. Throws `usage` for an
 * invalid option. If those that the function returns are invalid, or if it throws, the session fails and the server's log has the error.
 */
export function sftpServer(options: SftpServerOptions): (session: SftpPeer) => Promise<void>;
export function sftpServer(
  options: SftpServerOptions | ((session: NodeSession) => SftpServerOptions | Promise<SftpServerOptions>),
): SessionHandler;
export function sftpServer(
  options: SftpServerOptions | ((session: NodeSession) => SftpServerOptions | Promise<SftpServerOptions>),
): SessionHandler {
  if (typeof options !== "function") return makeHandler(options);
  return async (session) => makeHandler(await options(session))(session);
}

function makeHandler(options: SftpServerOptions): (session: SftpPeer) => Promise<void> {
  checkOptions(options, SFTP_SERVER_OPTIONS, "`sftpServer`");
  const { root, startDirectory, readOnly, umask, maxHandles, ...settings } = options;
  const fileSystem = diskOfSessions({ root, startDirectory, readOnly, umask, maxHandles });
  return serveFileSystem(fileSystem, { ...settings, readOnly });
}
