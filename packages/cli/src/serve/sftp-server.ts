import { account } from "@nacre/node";
import { sftpServer } from "@nacre/node/sftp-server";
import { SFTP_SERVER_HELP } from "../help.ts";
import { asksForHelp } from "../options.ts";
import { StdioPeer } from "../ssh/stdio-peer.ts";
import { faultLine, requestLine } from "./sftp-log.ts";
import { expandTokens, parseSftpServerArguments, SFTP_SERVER_OPTIONS } from "./sftp-server-arguments.ts";

/** Runs `nacre sftp-server`: SFTP on standard input and output, until the input ends. Resolves with the exit status. */
export async function serveSftp(words: readonly string[]): Promise<number> {
  if (asksForHelp(words, SFTP_SERVER_OPTIONS)) {
    process.stdout.write(SFTP_SERVER_HELP);
    return 0;
  }
  const { root = "/", umask, level, logsToStderr, ...parsed } = parseSftpServerArguments(words);
  const { username: user, homedir: home } = account();
  // As with OpenSSH, the umask given replaces that of the account.
  if (umask !== undefined) process.umask(umask);
  const log = (line: string | undefined): void => {
    if (line !== undefined && logsToStderr) process.stderr.write(`${line}\n`);
  };
  const handler = sftpServer({
    root,
    startDirectory:
      parsed.startDirectory !== undefined
        ? expandTokens(parsed.startDirectory, { home, user })
        : root === "/"
          ? process.cwd()
          : "/",
    readOnly: parsed.readOnly,
    allowRequests: parsed.allowRequests,
    denyRequests: parsed.denyRequests,
    log: level === "none" ? undefined : (event) => log(faultLine(event)),
    onRequest: logsToStderr ? (event) => log(requestLine(event, level)) : undefined,
  });
  await handler(new StdioPeer(user));
  return 0;
}
