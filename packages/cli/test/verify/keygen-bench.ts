import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commandLine, ended, installNacre } from "../interop/nacre.ts";

/** What a program did with a command line. */
export interface Outcome {
  /** The folder in which it ran. */
  readonly cwd: string;
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Content of a file in the folder; `undefined` if it is missing. */
  readonly read: (name: string) => string | undefined;
}

/** Files for command lines, and ssh-keygen and `nacre keygen` to run them beside each other. */
export interface KeygenBench {
  readonly folder: string;
  /** The folder with the files. Each command line gets a copy of it. */
  readonly made: string;
  /** Runs ssh-keygen on the files themselves, to make more of them. */
  readonly sshKeygen: (...words: readonly string[]) => string;
  readonly write: (name: string, ...lines: readonly string[]) => void;
  /** Returns the public key line in `NAME.pub`. */
  readonly line: (name: string) => string;
  /** Runs a command line with both. `input` is the name of a file or the input itself. */
  readonly both: (
    words: readonly string[],
    options?: { readonly input?: string; readonly env?: NodeJS.ProcessEnv },
  ) => Promise<{ readonly theirs: Outcome; readonly ours: Outcome }>;
  readonly remove: () => void;
}

/** Builds `nacre` and an empty folder for the files. */
export function startKeygenBench(name: string): KeygenBench {
  const folder = mkdtempSync(join(tmpdir(), `nacre-${name}-`));
  installNacre(folder);
  const made = join(folder, "made");
  mkdirSync(made);
  const run = async (
    [file = "", ...words]: readonly string[],
    input: string,
    env: NodeJS.ProcessEnv,
  ): Promise<Outcome> => {
    const cwd = mkdtempSync(join(folder, "run-"));
    cpSync(made, cwd, { recursive: true });
    const child = spawn(file, words, {
      cwd,
      env: { ...process.env, SSH_AUTH_SOCK: "", TZ: "UTC", LC_ALL: "C.UTF-8", ...env },
      detached: true,
    });
    child.stdin.on("error", () => {});
    child.stdin.end(/^[a-z.-]+$/.test(input) ? readFileSync(join(made, input)) : input);
    const { status, stdout, stderr } = await ended(child);
    return {
      cwd,
      status,
      stdout: stdout.toString(),
      // ssh-keygen ends the lines of its errors like those of a terminal.
      stderr: stderr.replaceAll("\r\n", "\n"),
      read: (path) => (existsSync(join(cwd, path)) ? readFileSync(join(cwd, path), "latin1") : undefined),
    };
  };
  return {
    folder,
    made,
    sshKeygen: (...words) =>
      execFileSync("ssh-keygen", words, { cwd: made, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }),
    write: (file, ...lines) => writeFileSync(join(made, file), lines.map((line) => `${line}\n`).join("")),
    line: (key) => readFileSync(join(made, `${key}.pub`), "utf8").trim(),
    async both(words, { input = "", env = {} } = {}) {
      const [theirs, ours] = await Promise.all([
        run(["ssh-keygen", ...words], input, env),
        run(commandLine(["keygen", ...words]), input, env),
      ]);
      return { theirs, ours };
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** Returns the words of a line. A no-break space stands for a space in a word. */
export function wordsOf(line: string): string[] {
  return line.split(" ").map((word) => word.replaceAll("\u00a0", " "));
}

/** Returns what ssh-keygen finds in a revocation list of an outcome, without its time. */
export function contentOfList({ cwd }: Outcome, file: string): string {
  const shown = execFileSync("ssh-keygen", ["-Q", "-l", "-f", file], { cwd, encoding: "utf8" });
  return shown.replace(/Generated at .*/, "");
}
