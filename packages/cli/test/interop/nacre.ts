import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));

let main = "";

/** Code added to the test bundle: NACRE_TEST_HOME replaces the home folder of the password database. */
const HOME_OF_TESTS = `
import testedOs from "node:os";
import { syncBuiltinESMExports as syncTestedOs } from "node:module";
if (process.env.NACRE_TEST_HOME) {
  const { userInfo } = testedOs;
  testedOs.userInfo = (...options) => ({ ...userInfo(...options), homedir: process.env.NACRE_TEST_HOME });
  syncTestedOs();
}`;

/** Bundles the sources into one file in this folder, beside their package.json. The bundle starts ten times faster. */
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
    // Optional packages, native in part, so not bundled. Tests that need one link it beside the bundle.
    external: ["@lydell/node-pty", "ws", "redis"],
    banner: { js: HOME_OF_TESTS },
  });
}

/** Returns the command line of `nacre` with these words. */
export function commandLine(words: readonly string[]): string[] {
  return [process.execPath, main, ...words];
}

/** Starts a program without a controlling terminal, even if the tests have one, so that it cannot ask questions. */
export function start([program = "", ...words]: readonly string[]): ChildProcessWithoutNullStreams {
  const child = spawn(program, words, { detached: true, env: { ...process.env, SSH_AUTH_SOCK: "", TERM: "xterm" } });
  child.stdin.on("error", () => {});
  return child;
}

/** Exit status and complete output of a program. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Resolves when a started program has ended. */
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

/** Runs `nacre` with this input and resolves when it has ended. */
export function nacre(words: readonly string[], input: string | Uint8Array = ""): Promise<Ended> {
  const child = start(commandLine(words));
  child.stdin.end(input);
  return ended(child);
}

/** New terminal with a program in it, and the text it has shown so far. */
export class TestTerminal {
  shown = "";
  readonly closed: Promise<number | null>;
  readonly #child: ChildProcessWithoutNullStreams;
  #read = 0;
  #look: () => void = () => {};

  /** Runs the shell command directly in the terminal. */
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

  /** Waits for this text after the previously found one. Resolves with the text between them. Rejects if the program ends first. */
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
