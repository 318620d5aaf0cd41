import { SFTP_SERVER_LIMITS, SftpServer, symlinkOrderOf } from "@nacre/sftp";
import { checkLimits, checkOptions, loginId, usage } from "nacre/extend";
import type { FileSystem } from "./file-system.ts";
import type { OpenHandle } from "./open-handle.ts";
import { requestPermit, SFTP_SERVER_OPTIONS, type SftpServerSettings } from "./options.ts";
import { extensionsOf } from "./requests.ts";
import { type SftpPeer, SftpSession } from "./sftp-session.ts";

/** Methods that every `FileSystem` has. */
const REQUIRED = ["open", "opendir", "stat", "lstat", "realpath"] as const;

/**
 * Makes a handler for the subsystem "sftp" of `serve` and `listen`, which serves a file system with SFTP version 3 and OpenSSH's
 * extensions. The handler may run for any number of sessions.
 *
 * Requests by path that only read run together. A request that changes something waits for all earlier ones by path, and later ones wait
 * for it. Requests on one handle are in order; reads, and writes to other ranges, run together. Files that a client leaves open are
 * closed when its session ends.
 *
 * Throws `usage` for an invalid option. A session fails if the client violates the protocol, and the server's log has the error.
 */
export function sftpServer(
  fileSystem: FileSystem,
  options: SftpServerSettings = {},
): (session: SftpPeer) => Promise<void> {
  checkOptions(options, SFTP_SERVER_OPTIONS, "`sftpServer`");
  const { readOnly = false, limits, log, onRequest } = options;
  const isPermitted = requestPermit(options);
  checkLimits(limits, SFTP_SERVER_LIMITS);
  if (typeof readOnly !== "boolean") throw usage("`readOnly` must be true or false");
  for (const [name, listener] of Object.entries({ log, onRequest }))
    if (listener !== undefined && typeof listener !== "function") throw usage(`\`${name}\` must be a function`);
  for (const name of REQUIRED)
    if (typeof (fileSystem as Partial<FileSystem> | undefined)?.[name] !== "function")
      throw usage(`the file system of \`sftpServer\` has no method \`${name}\`; pass one such as memoryFileSystem()`);
  return async (session) => {
    const files = fileSystem.forLogin?.(loginId(session.user, session.factors)) ?? fileSystem;
    const machine = new SftpServer<OpenHandle>({
      extensions: extensionsOf(files, readOnly, isPermitted),
      limits,
      symlinkOrder: symlinkOrderOf(session.clientVersion),
    });
    const running = new SftpSession(machine, {
      fileSystem: files,
      readOnly,
      isPermitted,
      user: session.user,
      log: (event) => report(event, log),
      onRequest: onRequest && ((event) => report(event, onRequest)),
    });
    running.start(session.takeChannel(running));
    await running.ended;
  };
}

function report<E>(event: E, listener: ((event: E) => void) | undefined): void {
  try {
    listener?.(event);
  } catch {
    // A log must not end a session.
  }
}
