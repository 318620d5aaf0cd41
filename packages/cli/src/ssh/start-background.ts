import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { openTerminalDescriptors } from "../terminal/terminal.ts";
import { BACKGROUND } from "./background.ts";

/** Exit status if a signal ended the background process. */
const FAILURE = 255;

/**
 * Runs `nacre` with these words in the background. Resolves with 0 after login, once the forwards are set up, or with the exit status if it
 * ends first. With `hasOutput`, the background process keeps writing to our standard output and error. Without it, later output is dropped,
 * so that a program reading our output to its end need not wait for the background process.
 */
export function startInBackground(words: readonly string[], hasOutput: boolean): Promise<number> {
  let terminal: readonly number[] = [];
  try {
    terminal = openTerminalDescriptors();
  } catch {
    // No terminal: the background process asks no questions.
  }
  const output = hasOutput ? "inherit" : "pipe";
  const child = spawn(
    process.execPath,
    [...process.execArgv, process.argv[1]!, BACKGROUND, terminal.length > 0 ? "terminal" : "no-terminal", ...words],
    { detached: true, windowsHide: true, stdio: ["ignore", output, output, "ipc", ...terminal] },
  );
  terminal.forEach((descriptor) => closeSync(descriptor));
  child.stdout?.pipe(process.stdout);
  child.stderr?.pipe(process.stderr);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    // Two rounds of the event loop, to copy output that is already in the pipes.
    child.once("message", () => setImmediate(() => setImmediate(() => resolve(0))));
    child.once("close", (status) => resolve(status ?? FAILURE));
  });
}
