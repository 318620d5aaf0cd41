import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { expandText } from "@nacre/config";
import type { Client, ResolvedConfig } from "@nacre/node";
import { escapeText, SshError } from "@nacre/wire";
import { oneLine } from "../one-line.ts";
import { FAILURE, say } from "../say.ts";
import { openAsker } from "../terminal/asker.ts";
import type { Background } from "./background.ts";
import { logIn } from "./connection.ts";
import { forwardsOf } from "./forward-arguments.ts";
import { startForwards, untilForwardsIdle } from "./forwards.ts";
import { openKeyLog } from "./key-log.ts";
import { isVerbose } from "./log-level.ts";
import { type MessageContext, sshMessages } from "./messages.ts";
import type { Reading } from "./reading.ts";
import { runRemote } from "./remote.ts";
import { runStdio } from "./stdio.ts";

/** What to run, and where. `background` is set in the process that `-f` starts. */
interface Run extends Reading {
  readonly background: Background | undefined;
}

/**
 * Connects, sets up forwards, runs the command or a shell, and resolves with the exit status. Prints the lines of ssh(1) for an error.
 * Rejects with the `SshError` that ended the connection.
 */
export async function run(reading: Reading, background: Background | undefined): Promise<number> {
  const what = { ...reading, background };
  try {
    return await connected(what);
  } catch (error) {
    const lines = sshMessages(error, contextOf(what));
    for (const text of lines) say(escapeText(text));
    // A log file has the lines of ssh(1) alone, as programs expect them.
    if (lines.length > 0 && what.words.logFile !== undefined) return FAILURE;
    throw error;
  }
}

async function connected(what: Run): Promise<number> {
  const { words, config } = what;
  const keyLog = words.keyLogFile === undefined ? undefined : openKeyLog(words.keyLogFile);
  const trace = isVerbose(config.values) ? (await import("./verbose.ts")).verboseTrace(config.values) : undefined;
  try {
    const asker = config.values.batchMode ? undefined : openAsker(what.background);
    const setup = { asker, keyLog, earlyChannel: config.values.sessionType !== "none", trace };
    const { client, typedAhead } = await logIn(config, words, setup);
    try {
      return await useConnection(client, what, typedAhead);
    } finally {
      await client.close();
    }
  } finally {
    keyLog?.close();
  }
}

function contextOf({ config, words }: Run): MessageContext {
  const { user, hostName: host, port, strictHostKeyChecking } = config.values;
  const hasStdioTarget = words.stdioTarget !== undefined;
  return { user, host, port, strictHostKeys: strictHostKeyChecking === "yes", hasStdioTarget };
}

/** Runs the forwards and the session that the configuration requests. Returns the exit status. */
async function useConnection(client: Client, what: Run, typedAhead: string): Promise<number> {
  const { config, words, command, background } = what;
  const { values } = config;
  const stop = new AbortController();
  const wanted = forwardsOf(values);
  if (isVerbose(values))
    for (const { option, listen, target } of wanted)
      if (option !== "-R")
        say(
          escapeText(
            `debug1: Local connections to ${listen.host ?? "LOCALHOST"}:${listen.port ?? listen.path} forwarded to remote address ${target?.host ?? target?.path ?? "socks"}:${target?.port ?? 0}`,
          ),
        );
  const starting = startForwards(client, wanted, {
    exitOnFailure: values.exitOnForwardFailure,
    streamLocalBindUnlink: values.streamLocalBindUnlink,
    say,
    warn: (error) => {
      const context = { ...contextOf(what), hasStdioTarget: false };
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
  if (wanted.length > 0) beforeSignals(close);
  try {
    const forwards = await starting;
    if (values.permitLocalCommand && values.localCommand !== undefined)
      await runLocalCommand(values.localCommand, config);
    await background?.release();
    if (words.stdioTarget !== undefined) {
      await runStdio(client, words.stdioTarget);
      return 0;
    }
    if (values.sessionType === "none") throw await client.ended;
    if (isVerbose(values)) say("debug1: Entering interactive session.");
    const status = await runRemote(client, values, command, typedAhead);
    await untilForwardsIdle(forwards);
    return status;
  } finally {
    await close();
  }
}

/** Runs LocalCommand in the user's shell, on our standard streams, and waits for its end. Its status does not matter, as in ssh(1). */
async function runLocalCommand(text: string, { tokens }: ResolvedConfig): Promise<void> {
  // There is no tunnel device.
  const command = expandText(text, { ...tokens, T: "NONE" });
  if (typeof command !== "string") throw new SshError("usage", `LocalCommand: ${escapeText(command.message)}`);
  const child = spawn(process.env.SHELL || "/bin/sh", ["-c", command], { stdio: "inherit" });
  await new Promise<void>((resolve) => {
    child.once("error", (cause) => {
      say(`nacre: cannot run LocalCommand: ${escapeText(cause.message)}`);
      resolve();
    });
    child.once("close", () => resolve());
  });
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
