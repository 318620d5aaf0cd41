import { existsSync } from "node:fs";
import { type ScpHandler, scpServer } from "@nacre/files/scp-server";
import type { NodeSession, SessionHandler } from "@nacre/node";
import { diskFileSystem, type SftpServerOptions, sftpServer } from "@nacre/node/sftp-server";
import { escapeText, SshError } from "@nacre/wire";
import { usage } from "../options.ts";
import type { ServeArguments } from "./serve-arguments.ts";
import type { Account } from "./serve-environment.ts";
import { faultLine, requestLine, scpFaultLine } from "./sftp-log.ts";
import { expandTokens, parseSftpServerArguments, type SftpServerArguments } from "./sftp-server-arguments.ts";

/** Command of a key that restricts its logins to SFTP, as with sshd. */
export const INTERNAL_SFTP = "internal-sftp";

/** Facts that the SFTP of `nacre serve` depends on. */
export interface SftpContext {
  readonly arguments: Pick<ServeArguments, "exec"> & { readonly sftp: NonNullable<ServeArguments["sftp"]> };
  readonly account: Account;
  /** Writes a line to the log. The text is escaped. */
  note(this: void, text: string): void;
}

/** Returns whether the subsystem sftp is served: without commands, its root must be named. */
export function servesSubsystem({ exec, sftp }: SftpContext["arguments"]): boolean {
  // A login that may run commands reaches every file anyway.
  // rule: serve-sftp-root
  return exec || sftp.root !== undefined;
}

/** Returns the handlers for `listen`: of the subsystem sftp, of scp's commands, and of the forced command internal-sftp. */
export function sftpHandlers(context: SftpContext): {
  readonly subsystem: SessionHandler | undefined;
  readonly scp: ScpHandler | undefined;
  readonly forced: SessionHandler;
} {
  const isServed = servesSubsystem(context.arguments);
  return {
    subsystem: isServed ? sftpServer(sftpOptions(context)) : undefined,
    scp: isServed ? scpHandler(context) : undefined,
    forced: async (session) => {
      let handler: SessionHandler;
      try {
        handler = sftpServer(sftpOptions(context, internalSftp(session.command ?? "")));
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        context.note(`${escapeText(session.command ?? "")} of a key cannot run: ${escapeText(error.message)}`);
        session.stderr.write("the options of internal-sftp for this key are invalid\n");
        return 255;
      }
      return handler(session);
    },
  };
}

/**
 * Returns the handler of sessions: scp's commands are answered from the files of SFTP, and `run` gets the others. Without `run`, they end
 * with a text for people, as behind internal-sftp of sshd.
 */
export function withScp(scp: ScpHandler | undefined, run: SessionHandler | undefined): SessionHandler | undefined {
  if (scp === undefined) return run;
  return (session) => scp(session) ?? (run ?? refuse)(session);
}

function refuse(session: NodeSession): number {
  session.stderr.write("this server runs no commands; use SFTP or scp\n");
  return 1;
}

/** Makes the handler of scp's commands, with the root, start and access of the subsystem sftp. */
function scpHandler(context: SftpContext): ScpHandler {
  const { root, startDirectory, readOnly, umask } = sftpOptions(context);
  const files = diskFileSystem({ root, startDirectory, readOnly, umask });
  // The system's scp knows neither the root nor the access.
  // rule: serve-scp-unparsed
  const passUnparsed = context.arguments.sftp.root === undefined && !readOnly;
  return scpServer(files, { readOnly, passUnparsed, log: (event) => context.note(scpFaultLine(event)) });
}

/** Parses the command of a key. Words are separated by blanks; `"` and `'` keep blanks. Throws `usage` if it is invalid. */
export function internalSftp(command: string): SftpServerArguments {
  const words: string[] = [];
  for (const [, word = ""] of command.matchAll(/((?:[^\s"']|"[^"]*"|'[^']*')+)/g))
    words.push(
      word.replaceAll(/"([^"]*)"|'([^']*)'/g, (_, double?: string, single?: string) => double ?? single ?? ""),
    );
  if (/["']/.test(command.replaceAll(/"[^"]*"|'[^']*'/g, ""))) throw usage(`unclosed quotes in ${escapeText(command)}`);
  return parseSftpServerArguments(words.slice(1));
}

/** Options of `sftpServer` for the server's own options and those of a key. */
export function sftpOptions(
  { arguments: { exec, sftp }, account, note }: SftpContext,
  key?: SftpServerArguments,
): SftpServerOptions {
  const root = key?.root ?? sftp.root ?? (exec ? "/" : undefined);
  if (root === undefined)
    throw usage("with --no-exec, name the root: --sftp-root DIR, or --root DIR after internal-sftp");
  const { name: user, home } = account;
  const start = key?.startDirectory;
  const { level = "errors" } = key ?? {};
  const write = (line: string | undefined): void => {
    if (line !== undefined) note(line);
  };
  return {
    root,
    startDirectory:
      start !== undefined ? expandTokens(start, { home, user }) : root === "/" && existsSync(home) ? home : "/",
    // rule: serve-sftp-read-only
    readOnly: sftp.readOnly || key?.readOnly === true,
    umask: key?.umask,
    allowRequests: key?.allowRequests,
    denyRequests: key?.denyRequests,
    log: level === "none" ? undefined : (event) => write(faultLine(event)),
    onRequest: level === "changes" || level === "all" ? (event) => write(requestLine(event, level)) : undefined,
  };
}
