import { openSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { account, type Client } from "@nacre/node";
import { escapeText, type SshError } from "@nacre/wire";
import { HELP } from "../help.ts";
import { oneLine } from "../one-line.ts";
import { FAILURE, redirectMessages, say, withStatus } from "../say.ts";
import { openTerminal, terminalOn } from "../terminal/terminal.ts";
import { BACKGROUND, type Background, inBackground } from "./background.ts";
import { logIn } from "./connection.ts";
import { startForwards, untilForwardsIdle } from "./forwards.ts";
import { openKeyLog } from "./key-log.ts";
import { type MessageContext, sshMessages } from "./messages.ts";
import { runRemote } from "./remote.ts";
import { readSshWords, type SshArguments, splitSshWords } from "./ssh-arguments.ts";
import { startInBackground } from "./start-background.ts";
import { runStdio } from "./stdio.ts";
import { unwritable } from "./unwritable.ts";

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
  const words = readSshWords(split);
  if (words.quiet) redirectMessages(() => {});
  else if (words.logFile !== undefined) redirectMessages(logTo(words.logFile));
  if (words.control !== undefined && words.control.command !== "proxy")
    return (await import("./master/control.ts")).controlMaster({ ...words.control, forwards: words.forwards });
  if (words.inBackground && background === undefined) return startInBackground(line, words.hasSession);
  for (const note of words.notes) say(`nacre: ${note}`);
  try {
    return await run(words, version, background);
  } catch (error) {
    const lines = sshMessages(error, contextOf(words));
    for (const text of lines) say(escapeText(text));
    // A log file has the lines of ssh(1) alone, as programs expect them.
    if (lines.length > 0 && words.logFile !== undefined) return FAILURE;
    throw error;
  }
}

/**
 * Connects, sets up forwards, runs the command or a shell, and resolves with the exit status. Rejects with the `SshError` that ended the
 * connection. `background` is set in the process that `-f` starts.
 */
async function run(words: SshArguments, version: () => string, background: Background | undefined): Promise<number> {
  if (words.controlPath !== undefined) {
    const { runByMaster } = await import("./master/run-by-master.ts");
    const onlyMaster = words.control !== undefined;
    const forwardsAgent = words.forwardAgent === true && Boolean(process.env.SSH_AUTH_SOCK);
    const status = await runByMaster(
      { ...words, onlyMaster, forwardsAgent },
      {
        session: (client) => useConnection(client, { ...words, forwards: [] }, "", background),
        stdio: (socket) => runStdio({ dial: async () => socket }, words.stdioTarget!),
      },
    );
    if (status !== undefined) return status;
    if (onlyMaster) return FAILURE;
  }
  const keyLog = words.keyLogFile === undefined ? undefined : openKeyLog(words.keyLogFile);
  const terminal = words.batchMode
    ? undefined
    : background === undefined
      ? openTerminal()
      : background.terminal && terminalOn(background.terminal);
  const trace = words.verbose ? (await import("./verbose.ts")).verboseTrace(words, version()) : undefined;
  try {
    const setup = { terminal, keyLog, earlyChannel: words.hasSession, trace };
    const { client, typedAhead } = await logIn(words, words, setup);
    try {
      return await useConnection(client, words, typedAhead, background);
    } finally {
      await client.close();
    }
  } finally {
    keyLog?.close();
  }
}

function contextOf({ user, host, port, strictHostKeys = false, stdioTarget }: SshArguments): MessageContext {
  return { user: user ?? account().username, host, port, strictHostKeys, hasStdioTarget: stdioTarget !== undefined };
}

/** Returns a function that appends messages to a file. Throws `file-unwritable`. */
function logTo(path: string): (text: string) => void {
  try {
    const file = openSync(path, "a", 0o600);
    return (text) => writeSync(file, text);
  } catch (cause) {
    say(`nacre: Couldn't open logfile ${escapeText(path)}: ${escapeText((cause as Error).message)}`);
    throw unwritable("the log file", cause);
  }
}

/** Runs the forwards and the session that the command line requests. Returns the exit status. */
async function useConnection(
  client: Client,
  words: SshArguments,
  typedAhead: string,
  background: Background | undefined,
): Promise<number> {
  const stop = new AbortController();
  if (words.verbose)
    for (const { option, listen, target } of words.forwards)
      if (option !== "-R")
        say(
          `debug1: Local connections to ${listen.host ?? "LOCALHOST"}:${listen.port ?? listen.path} forwarded to remote address ${target?.host ?? target?.path ?? "socks"}:${target?.port ?? 0}`,
        );
  const starting = startForwards(client, words.forwards, {
    exitOnFailure: words.exitOnForwardFailure,
    say,
    warn: (error) => {
      const context = { ...contextOf(words), hasStdioTarget: false };
      for (const text of sshMessages(error, context)) say(escapeText(text));
      warn(error);
    },
    signal: stop.signal,
  });
  // Without this, socket files of listeners would remain.
  const close = async (): Promise<void> => {
    stop.abort();
    const forwards = await starting.catch(() => []);
    await Promise.all(forwards.map((forward) => forward.close()));
  };
  // Install this before the first forward is set up: its socket file exists before the promise resolves.
  if (words.forwards.length > 0) beforeSignals(close);
  try {
    const forwards = await starting;
    await background?.release();
    if (words.stdioTarget !== undefined) {
      await runStdio(client, words.stdioTarget);
      return 0;
    }
    if (!words.hasSession) throw await client.ended;
    if (words.verbose) say("debug1: Entering interactive session.");
    const status = await runRemote(client, words, typedAhead);
    await untilForwardsIdle(forwards);
    return status;
  } finally {
    await close();
  }
}

/** Time a first signal waits for the forwards to close, in milliseconds. The server may never confirm that it stopped listening. */
const CLOSE_TIMEOUT = 2000;

/** Runs `work` before a signal ends the process. A second signal ends it immediately. */
function beforeSignals(work: () => Promise<void>): void {
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const)
    process.once(signal, async () => {
      await Promise.race([work(), sleep(CLOSE_TIMEOUT)]);
      process.kill(process.pid, signal);
    });
}

function warn({ message, code }: SshError): void {
  say(`nacre: ${oneLine(message)} [${code}]`);
}
