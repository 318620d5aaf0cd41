import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { run } from "@nacre/testing/openssh/run";
import { cpuSecondsOf } from "../measure/process-cpu.ts";
import type { Address } from "../tunnel/tunnel-tasks.ts";
import { listenOnLoopback } from "./gateway-worker.ts";

const INSTALL = ["apt-get", "install", "--yes", "--no-install-recommends", "websockify"];
const INSTALL_TIMEOUT = 300_000;
const START_TIMEOUT = 15_000;

/** Processes that `killWebsockify` kills. */
const running = new Set<ChildProcess>();

/** Returns the version of Debian's websockify. Installs it if it is missing; throws with the command if that fails. */
export async function ensureWebsockify(): Promise<string> {
  const query = ["dpkg-query", "--show", "--showformat=${Version}", "websockify"];
  const installed = await run(query);
  if (installed.status === 0 && installed.stdout !== "") return installed.stdout;
  const { status, stderr } = await run(INSTALL, { timeoutMs: INSTALL_TIMEOUT });
  const version = (await run(query)).stdout;
  if (status !== 0 || version === "")
    throw new Error(`websockify is missing: run \`${INSTALL.join(" ")}\`\n${stderr.trim().slice(-500)}`);
  return version;
}

/** Kills all websockify processes that this process started. Called when the run is interrupted. */
export function killWebsockify(): void {
  // Each websockify leads its own process group, with one process for each connection.
  for (const { pid } of running) process.kill(-pid!, "SIGKILL");
}

/** websockify, with a process for each connection. */
export class Websockify {
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<string>;

  private constructor({ host, port }: Address, to: Address) {
    this.url = `ws://${host}:${port}/`;
    const child = spawn("websockify", [`${host}:${port}`, `${to.host}:${to.port}`], {
      stdio: ["ignore", "ignore", "ignore"],
      detached: true,
    });
    running.add(child);
    this.#process = child;
    this.#ended = new Promise((resolve) => {
      child.on("error", ({ message }) => resolve(message));
      child.on("exit", (status, signal) => resolve(`it ended with ${signal ?? `status ${status}`}`));
    }).then((how) => {
      running.delete(child);
      return String(how);
    });
  }

  /** Starts websockify on a free port of 127.0.0.1. Resolves when it listens. */
  static async start(to: Address): Promise<Websockify> {
    // websockify cannot choose a free port itself.
    const placeholder = createServer();
    const at = await listenOnLoopback(placeholder);
    await new Promise((resolve) => placeholder.close(resolve));
    const websockify = new Websockify(at, to);
    const giveUpAt = performance.now() + START_TIMEOUT;
    let how: string | undefined;
    void websockify.#ended.then((text) => {
      how = text;
    });
    while (!(await accepts(at))) {
      if (how !== undefined || performance.now() > giveUpAt) {
        await websockify.end();
        throw new Error(`websockify did not start: ${how ?? "it does not listen"}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return websockify;
  }

  /** Returns the CPU time so far in seconds, of this process and of those for open connections. */
  async cpuSeconds(): Promise<number> {
    const seconds = await Promise.all((await this.#pids()).map((pid) => cpuSecondsOf(pid).catch(() => 0)));
    return seconds.reduce((sum, one) => sum + one, 0);
  }

  /** Returns the resident memory of all its processes in bytes. A page that several processes share counts once (PSS). */
  async residentBytes(): Promise<number> {
    let sum = 0;
    for (const pid of await this.#pids()) {
      const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "latin1").catch(() => "");
      sum += Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1024;
    }
    return sum;
  }

  async end(): Promise<void> {
    try {
      process.kill(-this.#process.pid!, "SIGKILL");
    } catch {
      // It could not be started, or has ended.
    }
    await this.#ended;
  }

  async #pids(): Promise<number[]> {
    const pid = this.#process.pid!;
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, "latin1");
    return [pid, ...children.trim().split(" ").filter(Boolean).map(Number)];
  }
}

function accepts({ host, port }: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
