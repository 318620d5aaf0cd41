import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@nacre/node";
import type { SshError } from "@nacre/wire";
import { HELP } from "../help.ts";
import { oneLine } from "../one-line.ts";
import { asksForHelp } from "../options.ts";
import { FAILURE, say, withStatus } from "../say.ts";
import { openTerminal, terminalOn } from "../terminal/terminal.ts";
import { BACKGROUND, type Background, inBackground } from "./background.ts";
import { logIn } from "./connection.ts";
import { startForwards, untilForwardsIdle } from "./forwards.ts";
import { openKeyLog } from "./key-log.ts";
import { runRemote } from "./remote.ts";
import { INSTEAD_OF_SSH_OPTIONS, parseSshArguments, SSH_OPTIONS, type SshArguments } from "./ssh-arguments.ts";
import { startInBackground } from "./start-background.ts";
import { runStdio } from "./stdio.ts";

/** Runs `nacre` with these words, which name no other command. Resolves with the exit status. */
export function runSsh(words: readonly string[]): Promise<number> {
  return withStatus(async () => {
    if (words.length === 0) {
      process.stdout.write(HELP);
      return FAILURE;
    }
    // It needs an IPC channel; without one it is an unknown option.
    if (words[0] === BACKGROUND && process.connected) return ssh(words.slice(2), inBackground(words[1] === "terminal"));
    return ssh(words);
  }, "nacre --help");
}

/**
 * Runs `nacre [user@]host`: connects, sets up forwards, runs the command or a shell, and resolves with the exit status. Rejects with the
 * `SshError` that ended the connection. `background` is set in the process that `-f` starts.
 */
async function ssh(line: readonly string[], background?: Background): Promise<number> {
  if (asksForHelp(line, SSH_OPTIONS, INSTEAD_OF_SSH_OPTIONS)) {
    process.stdout.write(HELP);
    return 0;
  }
  const words = parseSshArguments(line);
  if (words.inBackground && background === undefined) return startInBackground(line, words.hasSession);
  const keyLog = words.keyLogFile === undefined ? undefined : openKeyLog(words.keyLogFile);
  const terminal = background === undefined ? openTerminal() : background.terminal && terminalOn(background.terminal);
  try {
    const { client, typedAhead } = await logIn(words, words, { terminal, keyLog, earlyChannel: words.hasSession });
    try {
      return await useConnection(client, words, typedAhead, background);
    } finally {
      await client.close();
    }
  } finally {
    keyLog?.close();
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
  const starting = startForwards(client, words.forwards, {
    exitOnFailure: words.exitOnForwardFailure,
    say,
    warn,
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
