import { HELP } from "../help.ts";
import { sshUsage, usage } from "../options.ts";
import { FAILURE, withStatus } from "../say.ts";
import { BACKGROUND, type Background, inBackground } from "./background.ts";
import { forwardsOf } from "./forward-arguments.ts";
import { checkEffects } from "./keywords.ts";
import { inform } from "./log-level.ts";
import { type Reading, readCommandLine } from "./reading.ts";
import { run } from "./run.ts";
import { splitSshWords } from "./ssh-arguments.ts";
import { startInBackground } from "./start-background.ts";

/**
 * Runs `nacre` with these words, which name no other command, or `ssh`. `version` returns the version of Nacre. Resolves with the exit
 * status.
 */
export function runSsh(words: readonly string[], version: () => string): Promise<number> {
  return withStatus(async () => {
    if (words.length === 0) {
      process.stdout.write(HELP);
      return FAILURE;
    }
    // It needs an IPC channel; without one it is an unknown option.
    if (words[0] === BACKGROUND && process.connected)
      return ssh(words.slice(2), version, inBackground(words[1] === "terminal"));
    return ssh(words, version);
  }, "nacre --help");
}

async function ssh(line: readonly string[], version: () => string, background?: Background): Promise<number> {
  const split = splitSshWords(line);
  for (const [name, value] of [...split.before, ...split.after]) {
    switch (name) {
      case "-h":
      case "--help":
        process.stdout.write(HELP);
        return 0;
      case "-V":
        // Programs look for the version of OpenSSH whose options they may use.
        process.stderr.write(`OpenSSH_10.5 compatible, nacre ${version()}\n`);
        return 0;
      case "-Q":
        return (await import("./query.ts")).query(value);
    }
  }
  const reading = await readCommandLine(split, version(), background !== undefined);
  const { words, config } = reading;
  const { values } = config;
  const { controlCommand: command } = words;
  if (command !== undefined && values.controlPath === undefined)
    throw sshUsage('No ControlPath specified for "-O" command');
  if (command !== undefined && command !== "proxy") {
    const { controlMaster } = await import("./master/control.ts");
    return controlMaster({ command, path: values.controlPath!, forwards: forwardsOf(values) });
  }
  checkSession(reading);
  if (values.forkAfterAuthentication && background === undefined)
    return startInBackground(line, values.sessionType !== "none");
  for (const note of [...words.notes, ...checkEffects(config)]) inform(values, note);
  return run(reading, background);
}

/** Throws `usage` for a session that would not do what the words ask for. */
export function checkSession({ words: { command, stdioTarget, reconnect }, config }: Reading): void {
  const { sessionType, stdinNull, forkAfterAuthentication, remoteCommand } = config.values;
  if (reconnect && (sessionType !== "none" || stdioTarget !== undefined))
    throw usage("--reconnect is for forwards alone, because a command or shell ends with its connection; add -N");
  if (sessionType === "subsystem" && command === undefined && remoteCommand === undefined)
    throw usage("SessionType subsystem needs the name of the subsystem after the host");
  if (stdioTarget !== undefined && (stdinNull || forkAfterAuthentication))
    throw usage(`${forkAfterAuthentication ? "-f" : "-n"} and -W cannot be combined, because -W needs standard input`);
}
