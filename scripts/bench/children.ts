import { type ChildProcess, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import type { Report, ResultOf, Task } from "./tasks.ts";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Root of this checkout. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));
/** Root of the checkout whose programs are measured. */
let checkout = ROOT;

/** Measures the programs of another checkout from now on. They must be built there. */
export function measureCheckout(root: string): void {
  checkout = root;
}

/** Returns the root of the checkout whose programs are measured. */
export function measuredCheckout(): string {
  return checkout;
}

/** Returns the folder of a checkout's compiled programs. It is inside the checkout, so that they find the packages that they import. */
const builtIn = (root: string): string => `${root}node_modules/.cache/nacre-bench/`;

/** Returns the script of the page of the case `web`, with everything that it imports. */
export function pageScript(): string {
  return `${builtIn(checkout)}page-web.js`;
}

const programs = [
  "child-nacre",
  "child-nacre-ways",
  "child-ssh2",
  "child-dev-tunnels",
  "child-ceiling",
  "child-tcp",
  "child-remote",
  "child-target",
  "child-server-nacre",
  "child-server-ssh2",
  "child-visitors",
  "child-gateway",
  "child-web",
  "child-gateway-nacre",
  "child-gateway-pipe",
  "child-gateway-pages",
] as const;

/** A program for a child process, with its arguments. */
export interface Program {
  readonly file: (typeof programs)[number];
  readonly args?: readonly string[];
  /** Arguments for Node. */
  readonly nodeArgs?: readonly string[];
}

/** Names of programs in commits before they were renamed. */
const FORMER_NAMES: Partial<Record<Program["file"], string>> = { "child-remote": "child-far" };

/** Returns the compiled file of a program in the checkout that is measured. */
function fileOf({ file }: Program): string {
  const path = `${builtIn(checkout)}${file}.mjs`;
  return existsSync(path) ? path : `${builtIn(checkout)}${FORMER_NAMES[file] ?? file}.mjs`;
}

/**
 * Compiles the programs to JavaScript, so that the measured processes need no loader. Packages stay external: Nacre is measured as built
 * for publishing.
 */
export function buildPrograms(): void {
  buildSync({
    entryPoints: programs.map((name) => `${here}children/${name}.ts`),
    outdir: builtIn(ROOT),
    outExtension: { ".js": ".mjs" },
    bundle: true,
    packages: "external",
    format: "esm",
    platform: "node",
    target: "node20",
    logLevel: "error",
  });
  buildSync({
    entryPoints: [`${here}children/page-web.ts`],
    outfile: `${builtIn(ROOT)}page-web.js`,
    bundle: true,
    format: "iife",
    platform: "browser",
    target: "es2022",
    logLevel: "error",
  });
}

let profiles: string | undefined;

/** Sets the folder for CPU profiles of all programs; `undefined` for no profiles. */
export function profileInto(folder: string | undefined): void {
  profiles = folder;
}

/** Returns the folder for CPU profiles; `undefined` for no profiles. */
export function profileFolder(): string | undefined {
  return profiles;
}

const running = new Set<ChildProcess>();

/** Kills all children. Called when the run is interrupted. */
export function killChildren(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** A child process that performs tasks one after another. */
export class Child {
  readonly #process: ChildProcess;
  readonly #ended: Promise<string>;
  #stderr = "";

  /** Starts a program. `namespace` is the path of a network namespace to run in. */
  constructor(program: Program, namespace?: string) {
    const profile = profiles === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profiles}`];
    const child = fork(fileOf(program), program.args ?? [], {
      // Does not inherit the loader and the import conditions of this process.
      ...(namespace === undefined
        ? { execArgv: [...profile, ...(program.nodeArgs ?? [])] }
        : {
            execPath: "nsenter",
            execArgv: [`--net=${namespace}`, process.execPath, ...profile, ...(program.nodeArgs ?? [])],
          }),
      env: { ...process.env, NODE_OPTIONS: "" },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#process = child;
    running.add(child);
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-4000);
    });
    this.#ended = new Promise((resolve) => {
      child.on("error", (error) => resolve(error.message));
      child.on("exit", (status, signal) => {
        running.delete(child);
        resolve(`child process ended with ${signal ?? `status ${status}`}: ${this.#stderr}`);
      });
    });
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /**
   * Performs one task at a time. Calls `onFirst` when a connect task receives its first byte of output. Rejects if the task fails or takes
   * longer than `timeoutMs`.
   */
  perform<T extends Task>(task: T, timeoutMs: number, onFirst: () => void = () => {}): Promise<ResultOf<T>> {
    return new Promise<ResultOf<T>>((resolve, reject) => {
      const late = `task ${task.kind} did not end within ${timeoutMs} ms`;
      const timer = setTimeout(() => reject(new Error(`${late}: ${this.#stderr}`)), timeoutMs);
      this.#process.removeAllListeners("message");
      this.#process.on("message", (message: Report) => {
        if ("first" in message) return onFirst();
        clearTimeout(timer);
        if ("failure" in message) reject(new Error(message.failure));
        else resolve(message.result as ResultOf<T>);
      });
      void this.#ended.then((how) => {
        clearTimeout(timer);
        reject(new Error(how));
      });
      this.#process.send(task);
    });
  }

  /** Makes the process exit; kills it after 5 s. */
  async end(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), 5000);
    await this.#ended;
    clearTimeout(timer);
  }
}

/** Performs one task in a new process. */
export async function once<T extends Task>(
  program: Program,
  task: T,
  timeoutMs: number,
  namespace?: string,
): Promise<ResultOf<T>> {
  const child = new Child(program, namespace);
  try {
    return await child.perform(task, timeoutMs);
  } finally {
    await child.end();
  }
}
