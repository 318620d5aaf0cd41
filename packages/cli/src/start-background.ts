import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { BACKGROUND } from "./background.ts";
import { openTerminalDescriptors } from "./terminal.ts";

/** The status of a background process that a signal ended. */
const FAILURE = 255;

/**
 * Runs `nacre` with these words in the background. Returns 0 after login, when the forwards are set up, or else the status that it ended with.
 * With `hasOutput` its command writes to our standard output and error, also later. Otherwise what it prints later is dropped: a program that
 * reads our output to the end need not wait for the background process.
 */
export function startInBackground(words: readonly string[], hasOutput: boolean): Promise<number> {
  let terminal: readonly number[] = [];
  try {
    terminal = openTerminalDescriptors();
  } catch {
    // Without a terminal nothing is asked.
  }
  const output = hasOutput ? "inherit" : "pipe";
  const child = spawn(
    process.execPath,
    [...process.execArgv, process.argv[1]!, BACKGROUND, terminal.length > 0 ? "terminal" : "no-terminal", ...words],
    { detached: true, stdio: ["ignore", output, output, "ipc", ...terminal] },
  );
  terminal.forEach((descriptor) => closeSync(descriptor));
  child.stdout?.pipe(process.stdout);
  child.stderr?.pipe(process.stderr);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    // What it printed before is in the pipes: a turn of the event loop reads it.
    child.once("message", () => setImmediate(() => setImmediate(() => resolve(0))));
    child.once("close", (status) => resolve(status ?? FAILURE));
  });
}
