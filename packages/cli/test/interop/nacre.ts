import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));

let main = "";

/** Lets a test choose the home folder, which the password database names otherwise: by NACRE_TEST_HOME, in the bundle of the tests only. */
const HOME_OF_TESTS = `
import testedOs from "node:os";
import { syncBuiltinESMExports as syncTestedOs } from "node:module";
if (process.env.NACRE_TEST_HOME) {
  const { userInfo } = testedOs;
  testedOs.userInfo = (...options) => ({ ...userInfo(...options), homedir: process.env.NACRE_TEST_HOME });
  syncTestedOs();
}`;

/** Puts the sources into one file, in this folder and beside their package.json: it starts in a tenth of the time. */
export function buildNacre(folder: string): void {
  copyFileSync(join(PACKAGE, "package.json"), join(folder, "package.json"));
  main = join(folder, "dist", "main.js");
  buildSync({
    entryPoints: [join(PACKAGE, "src", "main.ts")],
    outfile: main,
    bundle: true,
    platform: "node",
    format: "esm",
    conditions: ["@nacre/source"],
    // An optional part with a native half, found beside the file where a test puts it.
    external: ["@lydell/node-pty", "ws", "redis"],
    banner: { js: HOME_OF_TESTS },
  });
}

/** The command line of `nacre` with these words. */
export function commandLine(words: readonly string[]): string[] {
  return [process.execPath, main, ...words];
}

/** Starts a program without a terminal, whatever runs the tests: nobody is there to be asked. */
export function start([program = "", ...words]: readonly string[]): ChildProcessWithoutNullStreams {
  const child = spawn(program, words, { detached: true, env: { ...process.env, SSH_AUTH_SOCK: "", TERM: "xterm" } });
  child.stdin.on("error", () => {});
  return child;
}

/** Exit of a program, and its whole output. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Lets a program that was started come to its end. */
export function ended(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) =>
      resolve({ status, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }),
    );
  });
}

/** Runs `nacre` to its end, with this input. */
export function nacre(words: readonly string[], input: string | Uint8Array = ""): Promise<Ended> {
  const child = start(commandLine(words));
  child.stdin.end(input);
  return ended(child);
}

/** A terminal of its own, with a program in it, and what it has shown so far. */
export class TestTerminal {
  shown = "";
  readonly closed: Promise<number | null>;
  readonly #child: ChildProcessWithoutNullStreams;
  #read = 0;
  #look: () => void = () => {};

  /** Runs the shell command, with nothing between the terminal and it. */
  constructor(command: string) {
    this.#child = start(["script", "--quiet", "--return", "--flush", "--command", command, "/dev/null"]);
    this.#child.stdout.on("data", (chunk: Buffer) => {
      this.shown += chunk.toString();
      this.#look();
    });
    this.closed = new Promise((resolve) => {
      this.#child.on("close", (status) => {
        this.#look();
        resolve(status);
      });
    });
  }

  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  /** Waits until this is shown, after what was waited for before; returns what was shown up to it. Throws when the program ends first. */
  async until(text: string): Promise<string> {
    let isClosed = false;
    void this.closed.then(() => {
      isClosed = true;
    });
    for (;;) {
      const at = this.shown.indexOf(text, this.#read);
      if (at >= 0) {
        const before = this.shown.slice(this.#read, at);
        this.#read = at + text.length;
        return before;
      }
      if (isClosed) throw new Error(`the program ended without showing ${JSON.stringify(text)}: ${this.shown}`);
      await new Promise<void>((resolve) => {
        this.#look = resolve;
      });
      await Promise.resolve();
    }
  }
}
