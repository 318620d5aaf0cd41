import { SCP_LIMITS, ScpSink, ScpSource } from "@nacre/sftp/scp";
import { type BaseSession, checkLimits, checkOptions, loginId, usage } from "nacre/extend";
import type { FileSystem } from "../../serve/file-system.ts";
import { ScpChannel } from "../scp-channel.ts";
import { SCP_SERVER_OPTIONS, type ScpServerLogEvent, type ScpServerSettings } from "./options.ts";
import { namesScp, parseScpCommand } from "./parse-command.ts";
import { ReceiveFiles } from "./receive-files.ts";
import { SendFiles } from "./send-files.ts";
import { ClientGone } from "./served-files.ts";

/** Answers a session if its command is scp's. Returns `undefined` for any other session, which the caller then handles. */
export type ScpHandler = (session: BaseSession) => Promise<number> | undefined;

/** Exit status of scp if something was not moved. */
const FAILED = 1;

/** Methods that every `FileSystem` has. */
const REQUIRED = ["open", "opendir", "stat", "lstat", "realpath"] as const;

/**
 * Makes a handler for the `exec` requests of old scp clients, of OpenSSH's `scp -O` and of devices: `scp -t` and `scp -f` are answered from
 * a file system, without a program or a shell. Use it at the start of the `session` handler of `serve` or `listen`:
 * `session: (session) => scp(session) ?? runCommand(session)`.
 *
 * Only the command lines that scp programs send are answered, with one path and nothing that a shell would expand. Any other command that
 * names scp is refused with exit status 1, unless `passUnparsed` is true or it is the forced command of the login. Files are written
 * under a temporary name and renamed when they are complete. Symbolic links are followed only in the path that the client names, and in
 * files that it reads.
 *
 * Throws `usage` for an invalid option. A session fails if the client violates the protocol, and the server's log has the error.
 */
export function scpServer(fileSystem: FileSystem, options: ScpServerSettings = {}): ScpHandler {
  checkOptions(options, SCP_SERVER_OPTIONS, "`scpServer`");
  const { readOnly = false, passUnparsed = false, limits, log } = options;
  checkLimits(limits, SCP_LIMITS);
  if (typeof readOnly !== "boolean") throw usage("`readOnly` must be true or false");
  if (typeof passUnparsed !== "boolean") throw usage("`passUnparsed` must be true or false");
  if (log !== undefined && typeof log !== "function") throw usage("`log` must be a function");
  for (const name of REQUIRED)
    if (typeof (fileSystem as Partial<FileSystem> | undefined)?.[name] !== "function")
      throw usage(`the file system of \`scpServer\` has no method \`${name}\`; pass one such as memoryFileSystem()`);
  return (session) => {
    if (session.kind !== "exec" || session.command === undefined) return undefined;
    // A terminal would change the bytes.
    const command = session.pty === undefined ? parseScpCommand(session.command) : undefined;
    if (command === undefined) {
      const isLeft = passUnparsed || session.forced || /* rule: scp-unparsed */ !namesScp(session.command);
      return isLeft ? undefined : refuse(session);
    }
    const files = fileSystem.forLogin?.(loginId(session.user, session.factors)) ?? fileSystem;
    const served = { fileSystem: files, readOnly, log: (event: ScpServerLogEvent) => report(event, log) };
    if (command.role === "sink") {
      const machine = new ScpSink({ limits, allowMissingReport: true });
      const channel = new ScpChannel(machine);
      return run(session, channel, () => new ReceiveFiles(served, command, machine, channel).run());
    }
    const machine = new ScpSource({ limits });
    const channel = new ScpChannel(machine);
    return run(session, channel, () => new SendFiles(served, command, machine, channel).run());
  };
}

/** Refuses a command with a text that scp displays. */
function refuse(session: BaseSession): Promise<number> {
  const machine = new ScpSink();
  const channel = new ScpChannel(machine);
  return run(session, channel, async () => {
    machine.fail("scp: this server takes one path without wildcards, and no terminal");
    await channel.flush();
    return FAILED;
  });
}

async function run(session: BaseSession, channel: ScpChannel<unknown>, answer: () => Promise<number>): Promise<number> {
  channel.start(session.takeChannel(channel));
  try {
    return await answer();
  } catch (error) {
    if (!(error instanceof ClientGone)) throw error;
    // A client may leave at any time. It must not violate the protocol.
    if (error.reason === undefined || error.reason.code === "channel-closed" || session.signal.aborted) return FAILED;
    throw error.reason;
  }
}

function report(event: ScpServerLogEvent, log: ScpServerSettings["log"]): void {
  try {
    log?.(event);
  } catch {
    // A log must not end a session.
  }
}
