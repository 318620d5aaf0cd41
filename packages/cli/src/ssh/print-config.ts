import { configLines } from "@nacre/config";
import { escapeText } from "@nacre/wire";
import { withStatus } from "../say.ts";
import { readCommandLine } from "./reading.ts";
import { type SshWords, splitSshWords } from "./ssh-arguments.ts";
import { requestsTerminal } from "./terminal-request.ts";

// Programs call `ssh -G` before each connection. The build makes a part of its own from this module, without the code of a connection.

/**
 * Prints what a connection would use (`-G`). Resolves with the exit status, or with `undefined` if the words ask for something else, or are
 * no command line.
 */
export async function printConfig(words: readonly string[], version: () => string): Promise<number | undefined> {
  const split = asksForConfig(words);
  if (split === undefined) return undefined;
  return withStatus(async () => {
    const { config, command } = await readCommandLine(split, version());
    requestsTerminal(config.values, command);
    // A program gets the bytes of the files, a terminal no control characters.
    const lines = configLines(config).map((line) => `${process.stdout.isTTY ? escapeText(line) : line}\n`);
    await new Promise((resolve) => process.stdout.write(lines.join(""), resolve));
    return 0;
  }, "nacre --help");
}

/** Options that print something else. */
const OTHERS: readonly string[] = ["-h", "--help", "-V", "-Q"];

/** Returns the words if they have the option `-G`. */
function asksForConfig(words: readonly string[]): SshWords | undefined {
  try {
    const split = splitSshWords(words);
    const names = [...split.before, ...split.after].map(([name]) => name);
    return names.includes("-G") && !names.some((name) => OTHERS.includes(name)) ? split : undefined;
  } catch {
    return undefined;
  }
}
