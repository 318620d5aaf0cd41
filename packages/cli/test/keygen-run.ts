import { join } from "node:path";
import { Readable } from "node:stream";
import { beforeEach, onTestFinished, vi } from "vitest";
import { runCommand } from "../src/commands.ts";
import { keygen } from "../src/keygen/keygen.ts";
import { temporaryFolder } from "./support.ts";

/*
 * Runs `nacre keygen` in this process, in a new folder for each test and without an agent.
 */

let folder: string;
/** Standard output of the last run. */
export let printed: string;
/** Standard error of the last run. */
export let said: string;

/** Makes the folder before each test of the file that calls this, and collects what the test prints. */
export function useKeygen(): void {
  beforeEach(async () => {
    folder = await temporaryFolder();
    printed = said = "";
    vi.stubEnv("SSH_AUTH_SOCK", "");
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      printed += text;
      return true;
    });
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      said += text;
      return true;
    });
    onTestFinished(() => {
      vi.restoreAllMocks();
      vi.unstubAllEnvs();
    });
  });
}

/** Returns the path of a file in the folder. */
export function path(name: string): string {
  return join(folder, name);
}

/** Runs a command line with this input. Words that begin with `@` are files in the folder. Resolves with the exit status. */
export function run(line: string, input = ""): Promise<number> {
  return withInput(input, () =>
    keygen(line.split(" ").map((word) => (word.startsWith("@") ? path(word.slice(1)) : word))),
  );
}

/** Runs a command line, and prints its error as the program does. Resolves with the exit status. */
export function runWords(words: readonly string[]): Promise<number> {
  return withInput("", () => runCommand("keygen", words));
}

function withInput(input: string, command: () => Promise<number>): Promise<number> {
  const stdin = Readable.from([Buffer.from(input)]) as unknown as typeof process.stdin;
  vi.spyOn(process, "stdin", "get").mockReturnValue(stdin);
  printed = said = "";
  return command();
}
