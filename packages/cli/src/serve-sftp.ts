import { existsSync } from "node:fs";
import type { SessionHandler } from "@nacre/node";
import { type SftpServerOptions, sftpServer } from "@nacre/node/sftp-server";
import { escapeText, SshError } from "@nacre/wire";
import { usage } from "./options.ts";
import type { ServeArguments } from "./serve-arguments.ts";
import type { Account } from "./serve-environment.ts";
import { faultLine, requestLine } from "./sftp-log.ts";
import { expandTokens, parseSftpServerArguments, type SftpServerArguments } from "./sftp-server-arguments.ts";

/** Command of a key that restricts its logins to SFTP, as with sshd. */
export const INTERNAL_SFTP = "internal-sftp";

/** What the SFTP of `nacre serve` depends on. */
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

/** Returns the handlers for `listen`: of the subsystem sftp, and of the forced command internal-sftp. */
export function sftpHandlers(context: SftpContext): {
  readonly subsystem: SessionHandler | undefined;
  readonly forced: SessionHandler;
} {
  const subsystem = servesSubsystem(context.arguments) ? sftpServer(sftpOptions(context)) : undefined;
  return {
    subsystem,
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
    readOnly: sftp.readOnly || key?.readOnly,
    umask: key?.umask,
    allowRequests: key?.allowRequests,
    denyRequests: key?.denyRequests,
    log: level === "none" ? undefined : (event) => write(faultLine(event)),
    onRequest: level === "changes" || level === "all" ? (event) => write(requestLine(event, level)) : undefined,
  };
}
