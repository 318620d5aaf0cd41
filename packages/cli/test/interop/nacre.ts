import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { copyFileSync, cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { isBuilt } from "../../../../scripts/build/fingerprint.mjs";

const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));

let main = "";

/** Code added to the command: NACRE_TEST_HOME replaces the home folder of the password database. */
const HOME_OF_TESTS = `
import testedOs from "node:os";
import { syncBuiltinESMExports as syncTestedOs } from "node:module";
if (process.env.NACRE_TEST_HOME) {
  const { userInfo } = testedOs;
  testedOs.userInfo = (...options) => ({ ...userInfo(...options), homedir: process.env.NACRE_TEST_HOME });
  syncTestedOs();
}
`;

/**
 * Puts the command into this folder, beside its package.json: as it was built for users, or, if its sources have changed since, as a
 * bundle, which is made in a second and starts more slowly.
 */
export function installNacre(folder: string): void {
  copyFileSync(join(PACKAGE, "package.json"), join(folder, "package.json"));
  const dist = join(folder, "dist");
  if (isBuilt("packages/cli")) cpSync(join(PACKAGE, "dist"), dist, { recursive: true });
  else bundleInto(dist);
  main = join(dist, "main.js");
  const [firstLine, ...lines] = readFileSync(main, "utf8").split("\n");
  writeFileSync(main, [firstLine, HOME_OF_TESTS, ...lines].join("\n"));
}

function bundleInto(outdir: string): void {
  buildSync({
    entryPoints: [join(PACKAGE, "src", "main.ts")],
    outdir,
    bundle: true,
    // Only `nacre gateway` loads `ws`.
    splitting: true,
    platform: "node",
    format: "esm",
    conditions: ["@nacre/source"],
    // Optional packages, native in part, so not bundled. Tests that need one link it beside the bundle.
    external: ["@lydell/node-pty", "ws", "redis"],
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
