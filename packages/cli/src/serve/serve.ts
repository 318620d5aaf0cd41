import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";
import {
  account,
  authorizedKeys,
  expandHome,
  fingerprint,
  hostCertificateFile,
  hostKeyFile,
  listen,
  type NodeSession,
  nodeServerAlgorithms,
  type SessionExit,
  type SessionHandler,
} from "@nacre/node";
import { escapeText, SshError } from "@nacre/wire";
import { SERVE_HELP } from "../help.ts";
import { asksForHelp, usage } from "../options.ts";
import { chooseAlgorithms } from "../ssh/algorithms.ts";
import { closeInheritedDescriptors } from "./inherited-descriptors.ts";
import { parseServeArguments, SERVE_OPTIONS, type ServeArguments } from "./serve-arguments.ts";
import { type Account, acceptEnv, sessionEnvironment } from "./serve-environment.ts";
import { serveForwarding } from "./serve-forwarding.ts";
import { logLine, type ServeEvent, throttledLog } from "./serve-log.ts";
import { runWithPipes } from "./serve-process.ts";
import { INTERNAL_SFTP, sftpHandlers, withScp } from "./serve-sftp.ts";
import { untilStopped } from "./serve-stop.ts";
import { loadTerminalRunner } from "./serve-terminal.ts";

/** Runs `nacre serve`: an SSH server, until a signal ends it. Resolves with the exit status. */
export async function serve(words: readonly string[]): Promise<number> {
  if (asksForHelp(words, SERVE_OPTIONS)) {
    process.stdout.write(SERVE_HELP);
    return 0;
  }
  const parsed = parseServeArguments(words);
  const account = runner();
  // rule: close-inherited-at-start
  closeInheritedDescriptors();
  const forwarding = parsed.forwarding && serveForwarding(parsed.forwarding, parsed.exec);
  const algorithms = chooseAlgorithms(parsed, nodeServerAlgorithms);
  const users = parsed.users.length > 0 ? parsed.users : [account.name];
  for (const user of users) assertNotOtherAccount(user, account);
  const throttle = throttledLog((event) => {
    process.stderr.write(logLine(event, parsed.log, new Date()));
  });
  const log = (event: ServeEvent): void => throttle.log(event);
  const note = (text: string): void => log({ type: "note", text });

  const hostKeys = await Promise.all(hostKeyPaths(parsed).map((path) => hostKeyFile(path)));
  const hostCertificates = await Promise.all(
    parsed.hostCertificates.map((path) => hostCertificateFile(path, hostKeys)),
  );
  const terminals = await loadTerminalRunner();
  if (typeof terminals === "string")
    note(`terminal requests are refused because @lydell/node-pty cannot be loaded: ${escapeText(terminals)}`);
  const processes = new Set<number>();
  const sessions = new Set<Promise<SessionExit>>();
  const run = (session: NodeSession, words: readonly string[]): Promise<SessionExit> => {
    const { shell, home } = account;
    const program = {
      file: shell,
      words,
      cwd: existsSync(home) ? home : "/",
      env: sessionEnvironment(session, account, process.env),
    };
    const exit =
      session.pty && typeof terminals === "function"
        ? terminals(session, session.pty, program, processes)
        : runWithPipes(session, program, processes);
    sessions.add(exit);
    const ended = (): boolean => sessions.delete(exit);
    exit.then(ended, ended);
    return exit;
  };
  const runCommand = (session: NodeSession): Promise<SessionExit> =>
    run(session, session.command === undefined ? ["-l"] : ["-c", session.command]);

  const keysFile = parsed.authorizedKeys ?? "~/.ssh/authorized_keys";
  const authorize = authorizedKeys(keysFile, {
    trustedUserCAKeys: parsed.trustedUserCAKeys,
    authorizedPrincipalsFile: parsed.authorizedPrincipalsFile,
    revokedKeys: parsed.revokedKeys,
    verifyRequired: parsed.verifyRequired,
    permitUserEnvironment: parsed.permitUserEnvironment,
    warn: note,
  });
  const sftp = parsed.sftp && sftpHandlers({ arguments: { exec: parsed.exec, sftp: parsed.sftp }, account, note });
  const server = await listen({
    port: parsed.port,
    algorithms,
    ...(parsed.listen !== undefined && { host: parsed.listen }),
    hostKeys: [...hostKeys, ...hostCertificates],
    authenticate: async (login) => {
      const decision = await authorize(login);
      return users.includes(login.user) && decision;
    },
    ...(parsed.banner !== undefined && { banner: `${parsed.banner}\n` }),
    session: withScp(sftp?.scp, parsed.exec ? runCommand : undefined),
    subsystems: subsystems(parsed, sftp?.subsystem, (session, command) => run(session, ["-c", command])),
    // The command of a key is run as it is, also if it is scp.
    forcedCommands: {
      ...(parsed.exec && { scp: runCommand }),
      ...(sftp && { [INTERNAL_SFTP]: sftp.forced }),
    },
    forwarding,
    acceptPty: typeof terminals === "function",
    acceptEnv,
    perSource: parsed.exempt && { exempt: parsed.exempt },
    log,
  });
  // Before anything is logged, so that a signal after that ends the server in order.
  const stopped = untilStopped(server, { processes, sessions }, log);
  if (parsed.sftp && sftp?.subsystem === undefined && !Object.hasOwn(parsed.subsystems, "sftp"))
    note("the subsystem sftp is refused, because --no-exec needs --sftp-root DIR to serve it");
  log({
    type: "listening",
    ...server.address,
    hostKeys: hostKeys.map(({ publicKey: { format, blob } }) => ({ format, fingerprint: fingerprint(blob) })),
    users,
  });
  // Only a note: the file is read at each login, so you can create it later.
  if (parsed.trustedUserCAKeys === undefined && (await isMissing(keysFile)))
    note(`${escapeText(keysFile)} does not exist; create it to let clients log in`);
  await stopped;
  throttle.flush();
  log({ type: "stopped" });
  return 0;
}

async function isMissing(path: string): Promise<boolean> {
  try {
    await access(expandHome(path));
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" || code === "ENOTDIR";
  }
}

/** Returns the account that runs the server. Every command runs as this account. Throws `usage` on Windows. */
function runner(): Account {
  if (process.getuid === undefined) throw usage("nacre serve needs a Unix system, because it runs the user's shell");
  const { username, homedir: home, shell } = account();
  return { name: username, home, shell: shell === null || shell === "" ? "/bin/sh" : shell };
}

/** Throws `usage` if `user` is another account of this machine: its commands would not run as that account. */
function assertNotOtherAccount(user: string, account: Account): void {
  if (user === account.name) return;
  const { status, error } = spawnSync("id", ["-u", "--", user], { stdio: "ignore" });
  if (error !== undefined)
    throw new SshError("usage", `cannot check whether "${escapeText(user)}" is another account: ${error.message}`);
  if (status === 0)
    throw usage(
      `every command runs as ${escapeText(account.name)}, so the account "${escapeText(user)}" cannot log in; start the server as that account`,
    );
}

function hostKeyPaths({ hostKeyFiles }: ServeArguments): readonly string[] {
  if (hostKeyFiles.length > 0) return hostKeyFiles;
  return [join(process.env.XDG_CONFIG_HOME || expandHome("~/.config"), "nacre", "ssh_host_ed25519_key")];
}

/** Returns the handlers of subsystems: `sftp`, and the commands of `--subsystem`. An empty command removes its subsystem. */
function subsystems(
  { subsystems }: ServeArguments,
  sftp: SessionHandler | undefined,
  run: (session: NodeSession, command: string) => Promise<SessionExit>,
): Record<string, SessionHandler> {
  const own = Object.entries(subsystems);
  const handlers = own.map(([name, command]): [string, SessionHandler] => [name, (session) => run(session, command)]);
  const all = Object.fromEntries([...(sftp === undefined ? [] : [["sftp", sftp] as const]), ...handlers]);
  return Object.fromEntries(Object.entries(all).filter(([name]) => subsystems[name] !== ""));
}
