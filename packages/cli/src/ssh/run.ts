import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { ConfigValues } from "@nacre/config";
import { channelTimeouts, expandText, sessionEnvironment } from "@nacre/config";
import type { Client, ReconnectEvent, ResolvedConfig } from "@nacre/node";
import { assertConfigCommand, shellCommand, showPath } from "@nacre/node/extend";
import { escapeText, matchPattern, SshError } from "@nacre/wire";
import { oneLine } from "../one-line.ts";
import { FAILURE, say } from "../say.ts";
import { openAsker } from "../terminal/asker.ts";
import type { Background } from "./background.ts";
import { logIn, masterOptions } from "./connection.ts";
import { defaultEnvironment } from "./environment.ts";
import { type ForwardArgument, forwardsOf } from "./forward-arguments.ts";
import { type OpenForward, startForwards, untilForwardsIdle } from "./forwards.ts";
import { openKeyLog } from "./key-log.ts";
import { isDebug, isVerbose, SessionLevel } from "./log-level.ts";
import { type MessageContext, sshMessages } from "./messages.ts";
import type { Reading } from "./reading.ts";
import { type Escapes, runRemote, type SessionInput } from "./remote.ts";
import { sessionTerminal } from "./session-terminal.ts";
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
  let isLoggedIn = false;
  try {
    return await connected(what, () => {
      isLoggedIn = true;
    });
  } catch (error) {
    const lines = sshMessages(error, { ...contextOf(what), isLoggedIn });
    for (const text of lines) say(escapeText(text));
    // A log file has the lines of ssh(1) alone, as programs expect them.
    if (lines.length > 0 && what.words.logFile !== undefined) return FAILURE;
    throw error;
  }
}

async function connected(what: Run, loggedIn: () => void): Promise<number> {
  const { words, config } = what;
  const wanted = forwardsOf(config.values);
  if (config.values.controlPath !== undefined && !words.reconnect) {
    const status = await byMaster(what, wanted);
    if (status !== undefined) return status;
    if (words.controlCommand === "proxy") return FAILURE;
  }
  const keyLog = words.keyLogFile === undefined ? undefined : openKeyLog(words.keyLogFile);
  const trace = isVerbose(config.values) ? (await import("./verbose.ts")).verboseTrace(config.values) : undefined;
  try {
    const asker = config.values.batchMode ? undefined : openAsker(what.background);
    const reconnect = words.reconnect ? { onEvent: sayEvent } : undefined;
    const earlyChannel = config.values.sessionType !== "none";
    const channelTimeouts = words.stdioTarget && stdioTimeouts(config.values);
    const setup = { asker, keyLog, earlyChannel, channelTimeouts, reconnect, trace };
    const { client, typedAhead } = await logIn(config, words, setup);
    loggedIn();
    try {
      return await useConnection(client, what, { wanted, typedAhead, isShared: false });
    } finally {
      await client.close();
    }
  } finally {
    keyLog?.close();
  }
}

/** Runs the call over a master of ssh(1), if there is one. Resolves with `undefined` if this process must connect by itself. */
async function byMaster(what: Run, forwards: readonly ForwardArgument[]): Promise<number | undefined> {
  const { words, config } = what;
  const { stdioTarget } = words;
  // Loaded on demand: most commands share no connection.
  const { runByMaster } = await import("./master/run-by-master.ts");
  return runByMaster(
    {
      ...masterOptions(config.values, words),
      onlyMaster: words.controlCommand === "proxy",
      forwards,
      stdioTarget,
    },
    {
      session: (client) => {
        const own = defaultEnvironment(config.values, words.configFile);
        const env = { ...own, ...sessionEnvironment(config.values, process.env) };
        return useConnection(client, what, { wanted: [], env, typedAhead: "", isShared: true });
      },
      stdio: (socket) => runStdio({ dial: async () => socket }, stdioTarget!),
    },
  );
}

/** Returns the time of ChannelTimeout for `-W`, whose channel has a name of its own in ssh(1). */
function stdioTimeouts(values: ConfigValues): Readonly<Record<string, number>> {
  const { global = 0, ...timeouts } = channelTimeouts(values.channelTimeout);
  const [, own = 0] = Object.entries(timeouts).find(([pattern]) => matchPattern("stdio-forward", pattern)) ?? [];
  return { "direct-*": own, global };
}

/** Says that the connection of `--reconnect` was lost or made again. */
function sayEvent(event: ReconnectEvent): void {
  if (event.type === "lost") warn(event.error);
  else if (event.type === "connected") say("nacre: connected again");
  else if (event.type === "listen-retry")
    say("nacre: the server still holds a listener of the lost connection; trying again");
}

function contextOf({ config, words }: Run): Omit<MessageContext, "isLoggedIn"> {
  const { user, hostName: host, port, hostKeyAlias, strictHostKeyChecking, exitOnForwardFailure } = config.values;
  const strictHostKeys = strictHostKeyChecking === "yes";
  const hasStdioTarget = words.stdioTarget !== undefined;
  return { user, host, port, hostKeyAlias, strictHostKeys, hasStdioTarget, exitOnForwardFailure };
}

/** Runs the forwards and the session that the configuration requests. Returns the exit status. */
async function useConnection(
  client: Client,
  what: Run,
  { wanted, ...session }: { readonly wanted: readonly ForwardArgument[] } & SessionInput,
): Promise<number> {
  const { config, words, command, background } = what;
  const { values } = config;
  const level = new SessionLevel(values);
  const stop = new AbortController();
  if (isDebug(values))
    for (const { option, listen, target } of wanted)
      if (option !== "-R")
        say(
          showPath(
            `debug1: Local connections to ${listen.host ?? "LOCALHOST"}:${listen.port ?? listen.path} forwarded to remote address ${target?.host ?? target?.path ?? "socks"}:${target?.port ?? 0}`,
          ),
        );
  const setup = {
    permitRemoteOpen: values.permitRemoteOpen,
    streamLocalBindUnlink: values.streamLocalBindUnlink,
    say,
    warn: (error: SshError) => {
      if (error.code === "channel-idle" && !isVerbose(level)) return;
      const context = { ...contextOf(what), hasStdioTarget: false, exitOnForwardFailure: false, isLoggedIn: true };
      for (const text of sshMessages(error, context)) say(escapeText(text));
      warn(error);
    },
    signal: stop.signal,
  };
  const starting = startForwards(client, wanted, { ...setup, exitOnFailure: values.exitOnForwardFailure });
  const openForward = async (argument: ForwardArgument): Promise<OpenForward | undefined> =>
    (await startForwards(client, [argument], { ...setup, exitOnFailure: false }))[0];
  // Without this, socket files of listeners would remain.
  const close = async (): Promise<void> => {
    stop.abort();
    const forwards = await starting.catch(() => []);
    await Promise.all(forwards.map(({ forward }) => forward.close()));
  };
  // Install this before the first forward is set up: its socket file exists before the promise resolves.
  if (wanted.length > 0 || values.enableEscapeCommandline) beforeSignals(close);
  try {
    const forwards = await starting;
    if (values.permitLocalCommand && values.localCommand !== undefined)
      await runLocalCommand(values.localCommand, config);
    await background?.release();
    if (words.stdioTarget !== undefined) {
      await runStdio(client, words.stdioTarget).catch((error: SshError) => {
        if (error.code !== "channel-idle") throw error;
      });
      return 0;
    }
    if (values.sessionType === "none") {
      if (background === undefined)
        sessionTerminal.lend({ use() {}, restore() {} }, undefined, { isInterruptible: true });
      throw await client.ended;
    }
    if (isDebug(values)) say("debug1: Entering interactive session.");
    const escapes: Escapes = {
      forwards,
      isShared: session.isShared,
      changeLevel(step) {
        if (words.logFile !== undefined) return "Logging to syslog";
        level.change(step);
        return `LogLevel ${level.logLevel}`;
      },
      runLine: values.enableEscapeCommandline
        ? // Loaded on demand: few sessions have a command line.
          async (line) =>
            (await import("./escape-command-line.ts")).runEscapeCommand(line, {
              forwards,
              openForward,
              gatewayPorts: values.gatewayPorts,
              print: say,
            })
        : undefined,
    };
    const status = await runRemote(client, values, command, { ...session, ...escapes });
    await untilForwardsIdle(forwards);
    return status;
  } finally {
    await close();
  }
}

/** Runs LocalCommand in the user's shell, on our standard streams, and waits for its end. Its status does not matter, as in ssh(1). */
async function runLocalCommand(text: string, config: ResolvedConfig): Promise<void> {
  await assertConfigCommand(config, "localCommand");
  // There is no tunnel device.
  const command = expandText(text, { ...config.tokens, T: "NONE" });
  if (typeof command !== "string") throw new SshError("usage", `LocalCommand: ${escapeText(command.message)}`);
  const { program, words, options } = shellCommand(command);
  const child = spawn(program, words, { ...options, stdio: "inherit" });
  await new Promise<void>((resolve) => {
    child.once("error", (cause) => {
      say(`nacre: cannot run LocalCommand: ${showPath(cause.message)}`);
      resolve();
    });
    child.once("close", () => resolve());
  });
}

/** Time a first signal waits for the forwards to close, in milliseconds. The server may never confirm that it stopped listening. */
const CLOSE_TIMEOUT = 2000;

/** At a first signal, runs `work` and then ends the process by that signal. A second signal ends it immediately. */
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
