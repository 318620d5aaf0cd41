import { setTimeout as sleep } from "node:timers/promises";
import { account, type Client, type ConnectOptions, connect, type HopOptions, nodeAlgorithms } from "@nacre/node";
import { escapeText, type SshError } from "@nacre/wire";
import { chooseAlgorithms } from "./algorithms.ts";
import type { Background } from "./background.ts";
import type { Destination } from "./destination.ts";
import { startForwards, untilForwardsIdle } from "./forwards.ts";
import { HELP } from "./help.ts";
import { type KeyLog, openKeyLog } from "./key-log.ts";
import { oneLine } from "./one-line.ts";
import { asksForHelp } from "./options.ts";
import { type Questions, questions } from "./questions.ts";
import { runRemote } from "./remote.ts";
import { parseSshArguments, SSH_OPTIONS, type SshArguments } from "./ssh-arguments.ts";
import { startInBackground } from "./start-background.ts";
import { runStdio } from "./stdio.ts";
import { openTerminal, type Terminal, terminalOn } from "./terminal.ts";
import { packetList } from "./trace.ts";

/**
 * Runs `nacre [user@]host`: connects, sets up forwards, runs the command or a shell, and resolves with the exit status. Rejects with the
 * `SshError` that ended the connection. `background` is set in the process that `-f` starts.
 */
export async function ssh(line: readonly string[], background?: Background): Promise<number> {
  if (asksForHelp(line, SSH_OPTIONS)) {
    process.stdout.write(HELP);
    return 0;
  }
  const words = parseSshArguments(line);
  if (words.inBackground && background === undefined) return startInBackground(line, words.hasSession);
  const keyLog = words.keyLogFile === undefined ? undefined : openKeyLog(words.keyLogFile);
  const terminal = background === undefined ? openTerminal() : background.terminal && terminalOn(background.terminal);
  try {
    const { options, explain } = connectOptions(words, terminal, keyLog);
    let typedAhead = "";
    const client = await connect(options)
      .catch((error: unknown) => {
        throw explain(error);
      })
      .finally(() => {
        typedAhead = terminal?.close() ?? "";
      });
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
    if (words.stdioTarget !== undefined) return await runStdio(client, words.stdioTarget);
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

/** Returns the options for `connect`, and a function that completes its error message. */
function connectOptions(
  words: SshArguments,
  terminal: Terminal | undefined,
  keyLog: KeyLog | undefined,
): { readonly options: ConnectOptions; readonly explain: Questions["explain"] } {
  const start = performance.now();
  const { host, port, knownHosts } = words;
  const user = words.user ?? account().username;
  const asking = questions(terminal, { user, host, port, knownHosts });
  const options: ConnectOptions = {
    host,
    user,
    port,
    via: words.jumpHosts.map((hop) => hopOptions(hop, words, terminal)),
    algorithms: chooseAlgorithms(words, nodeAlgorithms),
    earlyChannel: words.hasSession,
    ...commonOptions(words),
    ...asking.options,
    ...(words.hostKeys.length > 0 && { hostKey: words.hostKeys }),
    ...(words.trace && {
      trace: packetList(
        () => performance.now() - start,
        (text) => process.stderr.write(text),
      ),
    }),
    keyLog: keyLog?.port,
  };
  return { options, explain: asking.explain };
}

/** Options for a jump host. `-l`, `-p`, `--host-key`, `-c`, `-m`, `--kex`, `--trace` and `--keylog` apply only to the destination. */
function hopOptions(hop: Destination, words: SshArguments, terminal: Terminal | undefined): HopOptions {
  const { host, port, user = account().username } = hop;
  const asking = questions(terminal, { user, host, port, knownHosts: words.knownHosts, isJumpHost: true });
  return { host, port, user, algorithms: nodeAlgorithms, ...commonOptions(words), ...asking.options };
}

/** Options that apply to the destination and to every jump host. */
function commonOptions({ identityFiles, knownHosts, acceptNew }: SshArguments): Partial<HopOptions> {
  return {
    identities: identityFiles.length > 0 ? identityFiles : undefined,
    knownHosts,
    hostKey: acceptNew ? "accept-new" : undefined,
    banner: (text) => process.stderr.write(escapeText(text.endsWith("\n") ? text : `${text}\n`, { keepLines: true })),
    warn: (text) => say(`nacre: ${text}`),
  };
}

function warn({ message, code }: SshError): void {
  say(`nacre: ${oneLine(message)} [${code}]`);
}

/** Prints a line to standard error. A terminal in raw mode needs CR before LF. */
function say(text: string): void {
  process.stderr.write(`${text}${process.stdin.isRaw ? "\r\n" : "\n"}`);
}
