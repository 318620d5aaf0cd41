import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import type { Report, ResultOf, Task } from "./tasks.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
/** Inside the project, so that what the programs import is found. */
const built = fileURLToPath(new URL("../../node_modules/.cache/nacre-bench/", import.meta.url));

const programs = [
  "child-nacre",
  "child-ssh2",
  "child-dev-tunnels",
  "child-ceiling",
  "child-tcp",
  "child-far",
  "child-target",
  "child-server-nacre",
  "child-server-ssh2",
  "child-visitors",
] as const;

/** A program that runs in a process of its own, and its arguments. */
export interface Program {
  readonly file: (typeof programs)[number];
  readonly args?: readonly string[];
  /** Arguments for Node. */
  readonly nodeArgs?: readonly string[];
}

/**
 * Compiles the programs to plain JavaScript, so that no loader is in the measured processes. What they import from packages
 * stays outside: Nacre is measured as it was built.
 */
export function buildPrograms(): void {
  buildSync({
    entryPoints: programs.map((name) => `${here}${name}.ts`),
    outdir: built,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    packages: "external",
    format: "esm",
    platform: "node",
    target: "node20",
    logLevel: "error",
  });
}

/** A folder for CPU profiles of every program; `undefined` for none. */
let profileFolder: string | undefined;

export function profileInto(folder: string | undefined): void {
  profileFolder = folder;
}

const running = new Set<ChildProcess>();

/** Ends every child at once: for when the run is interrupted. */
export function killChildren(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** A process that does one task after another. */
export class Child {
  readonly #process: ChildProcess;
  readonly #ended: Promise<string>;
  #stderr = "";

  /** `namespace`: the path of a network namespace to run in. */
  constructor(program: Program, namespace?: string) {
    const profile = profileFolder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`];
    const child = fork(`${built}${program.file}.mjs`, program.args ?? [], {
      // Neither this process's loader nor its conditions.
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
        resolve(`the process ended with ${signal ?? `status ${status}`}: ${this.#stderr}`);
      });
    });
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** One task at a time; `onFirst` is called when a connect task has its first byte of output. Throws when it fails or is late. */
  ask<T extends Task>(task: T, timeoutMs: number, onFirst: () => void = () => {}): Promise<ResultOf<T>> {
    return new Promise<ResultOf<T>>((resolve, reject) => {
      const late = `no end of ${task.kind} after ${timeoutMs} ms`;
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

  /** Lets the process end, and after 5 s ends it. */
  async end(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), 5000);
    await this.#ended;
    clearTimeout(timer);
  }
}

/** One task in a process of its own. */
export async function once<T extends Task>(
  program: Program,
  task: T,
  timeoutMs: number,
  namespace?: string,
): Promise<ResultOf<T>> {
  const child = new Child(program, namespace);
  try {
    return await child.ask(task, timeoutMs);
  } finally {
    await child.end();
  }
}
