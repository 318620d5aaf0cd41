import { openSync, writeSync } from "node:fs";
import type { ResolvedConfig } from "@nacre/node";
import { devicePath, showPath } from "@nacre/node/extend";
import { redirectMessages, say } from "../say.ts";
import { readConfiguration } from "./configuration.ts";
import { isQuiet } from "./log-level.ts";
import { readSshWords, type SshArguments, type SshWords } from "./ssh-arguments.ts";
import { unwritable } from "./unwritable.ts";

/** A command line, and the configuration that it resolves to. */
export interface Reading {
  readonly words: SshArguments;
  readonly config: ResolvedConfig;
  /** Command, or name of the subsystem; `undefined` for a shell. */
  readonly command: string | undefined;
}

/**
 * Reads the command line and the configuration files, and sends later messages where they say. With `isRepeated`, what the first process
 * has printed is not printed again. Rejects with `usage`, or the code of the configuration's error.
 */
export async function readCommandLine(split: SshWords, version: string, isRepeated = false): Promise<Reading> {
  const words = readSshWords(split);
  if (words.loudness === "quiet") redirectMessages(() => {});
  else if (words.logFile !== undefined) redirectMessages(logTo(words.logFile));
  const tell = isRepeated ? () => {} : say;
  const isVerbose = words.loudness === "verbose";
  if (isVerbose) tell(`debug1: OpenSSH_10.5 compatible, nacre ${version}`);
  const purpose = { command: words.command, stdioForward: words.stdioTarget !== undefined };
  const config = await readConfiguration(words.host, words, purpose, tell);
  if (isVerbose) for (const file of config.files) tell(`debug1: Reading configuration data ${showPath(file)}`);
  if (isQuiet(config.values)) redirectMessages(() => {});
  return { words, config, command: words.command ?? config.values.remoteCommand };
}

/** Returns a function that appends messages to a file. Throws `file-unwritable`. */
function logTo(path: string): (text: string) => void {
  try {
    const file = openSync(devicePath(path), "a", 0o600);
    return (text) => writeSync(file, text);
  } catch (cause) {
    say(`nacre: Couldn't open logfile ${showPath(path)}: ${showPath((cause as Error).message)}`);
    throw unwritable("the log file", cause);
  }
}
