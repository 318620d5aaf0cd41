import { spawn } from "node:child_process";
import { createReadStream, openSync } from "node:fs";
import { constants } from "node:os";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { SftpError } from "@nacre/files";
import { type Client, expandHome, loadNodeFiles } from "@nacre/node";
import { type ProgramCall, showPath } from "@nacre/node/extend";
import { escapeText, SshError } from "@nacre/wire";
import { progressOnTerminal } from "../cp/progress-bar.ts";
import { expandUser } from "../cp/side.ts";
import { SFTP_HELP } from "../help.ts";
import { Interrupt } from "../interrupt.ts";
import { asksForHelp } from "../options.ts";
import { say } from "../say.ts";
import { logInAt } from "../ssh/connection.ts";
import { INSTEAD_OF_FILE_OPTIONS } from "../ssh/connection-arguments.ts";
import { openKeyLog } from "../ssh/key-log.ts";
import { parseSftpArguments, SFTP_COMMAND_OPTIONS, type SftpArguments } from "./arguments.ts";
import { FAILED, runBatch } from "./batch.ts";
import { runInteractive } from "./interactive.ts";
import { Session, type SessionOutput } from "./session.ts";
import { quoteWord } from "./words.ts";

/**
 * Runs `nacre sftp`: a session of file commands at the terminal, or a batch of them. Resolves with the exit status: 0, or 1 if a command
 * of a batch failed. Rejects with `usage`, or with the `SshError` that ended the connection.
 */
export async function sftp(line: readonly string[]): Promise<number> {
  if (asksForHelp(line, SFTP_COMMAND_OPTIONS, INSTEAD_OF_FILE_OPTIONS)) {
    process.stdout.write(SFTP_HELP);
    return 0;
  }
  const words = parseSftpArguments(line);
  const batch = openBatch(words.batchFile);
  const keyLog = words.keyLogFile === undefined ? undefined : openKeyLog(words.keyLogFile);
  try {
    // As with sftp(1), a batch asks no questions.
    const asks = words.batchFile === undefined;
    const { client, typedAhead } = await logInAt(words.place, words, { asks, keyLog });
    try {
      return await useConnection(client, words, batch, typedAhead);
    } finally {
      await client.close();
    }
  } finally {
    batch?.destroy();
    keyLog?.close();
  }
}

/** Opens the file of a batch. Returns `undefined` for a session at the terminal. Throws `file-unreadable`. */
function openBatch(file: string | undefined): Readable | undefined {
  if (file === undefined) return undefined;
  if (file === "-") return process.stdin;
  try {
    return createReadStream("", { fd: openSync(expandHome(file), "r") });
  } catch (cause) {
    throw batchUnreadable(cause as Error);
  }
}

function batchUnreadable(cause: Error): SshError {
  return new SshError("file-unreadable", `cannot read the batch: ${showPath(cause.message)}`, { cause });
}

async function useConnection(
  client: Client,
  words: SftpArguments,
  batch: Readable | undefined,
  typedAhead: string,
): Promise<number> {
  const { place, recursive, preserve, flush, resume, limit, localPath } = words;
  const isBatch = batch !== undefined;
  const isInteractive = !isBatch && process.stdin.isTTY;
  const quiet = words.quiet || isBatch;
  const channel = await client.sftp();
  const session = new Session({
    sftp: channel,
    files: await loadNodeFiles(),
    home: await channel.realpath("."),
    localDirectory: process.cwd(),
    output: outputOf(isInteractive, quiet),
    settings: { recursive, preserve, flush, resume, limit, quiet },
  });
  const lines: string[] = [];
  if (place.path !== "") {
    try {
      const path = session.remotePath(await expandUser(channel, place.path));
      if ((await channel.stat(path)).isDirectory()) session.directory = await channel.realpath(path);
      else lines.push(`get ${quoteWord(path)} ${localPath === undefined ? "" : quoteWord(localPath)}`);
    } catch (error) {
      if (!(error instanceof SftpError)) throw error;
      session.complain(error);
      return FAILED;
    }
  }
  if (isInteractive && lines.length === 0) {
    if (!quiet) say(`Connected to ${escapeText(place.host)}.`);
    await runInteractive(session, process.stdin, process.stdout, typedAhead);
    return 0;
  }
  const interrupt = new Interrupt();
  try {
    if (lines.length > 0)
      return await runBatch(session, lines, { stopsAtErrors: true, echoes: false }, interrupt.signal);
    return await runBatch(
      session,
      linesOf(batch ?? process.stdin),
      { stopsAtErrors: isBatch, echoes: true },
      interrupt.signal,
    );
  } finally {
    await channel.close();
    await client.close();
    interrupt.release();
    interrupt.raise();
  }
}

/** Yields the lines of a stream. Throws `file-unreadable` if it cannot be read. */
async function* linesOf(input: NodeJS.ReadableStream): AsyncGenerator<string, void> {
  let failure: Error | undefined;
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  // `readline` does not report an error of its input on every version of Node.
  input.on("error", (error: Error) => {
    failure = error;
    lines.close();
  });
  try {
    yield* lines;
  } catch (error) {
    throw batchUnreadable(error as Error);
  }
  if (failure !== undefined) throw batchUnreadable(failure);
}

function outputOf(isInteractive: boolean, quiet: boolean): SessionOutput {
  const { stdout } = process;
  return {
    write: (text) => stdout.write(text),
    say,
    columns: () => stdout.columns || 80,
    bar: quiet ? undefined : progressOnTerminal(),
    run: (call, directory) => runProgram(call, directory, isInteractive),
  };
}

/** Runs a program. It gets standard input only if that is not the source of the commands. Resolves with its exit status. */
function runProgram(
  { program, words, options }: ProgramCall,
  directory: string,
  isInteractive: boolean,
): Promise<number> {
  const stdio = [isInteractive ? "inherit" : "ignore", "inherit", "inherit"] as const;
  const child = spawn(program, words, { ...options, cwd: directory, stdio: [...stdio] });
  return new Promise((resolve, reject) => {
    child.on("error", (cause) =>
      reject(new SshError("usage", `cannot run ${showPath(program)}: ${showPath(cause.message)}`, { cause })),
    );
    child.on("close", (status, signal) => resolve(status ?? 128 + (constants.signals[signal!] ?? 0)));
  });
}
