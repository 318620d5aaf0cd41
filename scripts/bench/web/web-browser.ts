import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CHROMIUM } from "../../runtimes/browsers/list.ts";
import { cpuSecondsOf } from "../measure/process-cpu.ts";
import { DebuggingPipe } from "./debugging-pipe.ts";
import type { WebTransferResult, WebTransferTask } from "./web-tasks.ts";

/** Interval in milliseconds in which the heap of an observed page is read. */
const SAMPLE = 25;

/** Result of a transfer in a page, with the page's cost. */
export interface PageResult extends WebTransferResult {
  /** CPU time of the page's process from the start of the transfer to its end, in seconds. */
  readonly cpuSeconds: number;
  /** CPU time of the browser's other processes, which include the network service, in seconds. */
  readonly otherCpuSeconds: number;
  /** Peak resident memory of the page's process, in MiB. */
  readonly peakMiB: number;
  /** Peak of the JavaScript heap with all ArrayBuffers, in MiB; `undefined` if the transfer is not observed. */
  readonly peakHeapMiB: number | undefined;
  /** Tasks of the page's main thread; `undefined` if they are not watched. */
  readonly tasks: PageTasks | undefined;
}

/** Tasks of a page's main thread during a transfer. */
export interface PageTasks {
  /** Longest time between two ticks of a timer of 5 ms, in milliseconds. */
  readonly longestGapMs: number;
  /** Length in milliseconds of the longest task that Chromium reports; 0 if none takes longer than 50 ms. */
  readonly longestTaskMs: number;
  /** Number of tasks that take longer than 50 ms. */
  readonly longTasks: number;
}

/** Script that watches the tasks of a page's main thread until it calls `endWatch`, which returns `PageTasks`. */
const WATCH = `{
  const tasks = [];
  const note = (entries) => { for (const { duration } of entries) tasks.push(duration); };
  const observer = new PerformanceObserver((list) => note(list.getEntries()));
  observer.observe({ type: "longtask" });
  let last = performance.now();
  let longestGapMs = 0;
  const tick = () => {
    const now = performance.now();
    longestGapMs = Math.max(longestGapMs, now - last);
    last = now;
  };
  const timer = setInterval(tick, 5);
  globalThis.endWatch = async () => {
    clearInterval(timer);
    tick();
    // A task is reported after its end.
    await new Promise((resolve) => setTimeout(resolve, 100));
    note(observer.takeRecords());
    observer.disconnect();
    return { longestGapMs, longestTaskMs: Math.max(0, ...tasks), longTasks: tasks.length };
  };
}`;

/**
 * Time in milliseconds between opening a page and its transfer. Chromium loads pages of its own for each new window, which takes about a
 * second of CPU time.
 */
const SETTLE = 1000;

const running = new Set<DebuggingPipe>();

/** Kills all browsers. Called when the run is interrupted. */
export function killBrowsers(): void {
  for (const pipe of running) pipe.kill();
}

/** Chromium without a window. Each transfer gets a page of its own, in a new process. */
export class WebBrowser {
  readonly #pipe: DebuggingPipe;
  readonly #folder: string;
  readonly #profileFolder: string | undefined;
  #profiles = 0;

  private constructor(pipe: DebuggingPipe, folder: string, profileFolder: string | undefined) {
    this.#pipe = pipe;
    this.#folder = folder;
    this.#profileFolder = profileFolder;
  }

  /** Starts the browser. With `profileFolder`, each transfer writes a CPU profile of its page there. */
  static async start(profileFolder: string | undefined): Promise<WebBrowser> {
    const folder = await mkdtemp(join(tmpdir(), "nacre-bench-chromium-"));
    const words = [...CHROMIUM.words, "--headless=new", `--user-data-dir=${folder}`, "about:blank"];
    const pipe = new DebuggingPipe(CHROMIUM.program, words, { XDG_CONFIG_HOME: folder, XDG_CACHE_HOME: folder });
    running.add(pipe);
    return new WebBrowser(pipe, folder, profileFolder);
  }

  /** Opens the page of a gateway, and runs a transfer there. Rejects if it takes longer than `timeoutMs`. `watch` also watches tasks. */
  async perform(task: WebTransferTask, timeoutMs: number, watch: boolean): Promise<PageResult> {
    const pipe = this.#pipe;
    const { browserContextId } = await pipe.call<{ browserContextId: string }>("Target.createBrowserContext");
    try {
      const target = await pipe.call<{ targetId: string }>("Target.createTarget", {
        url: "about:blank",
        browserContextId,
      });
      const attach = { targetId: target.targetId, flatten: true };
      const { sessionId } = await pipe.call<{ sessionId: string }>("Target.attachToTarget", attach);
      return await within(timeoutMs, this.#run(task, sessionId, watch));
    } finally {
      await pipe.call("Target.disposeBrowserContext", { browserContextId });
    }
  }

  async close(): Promise<void> {
    await this.#pipe.close();
    running.delete(this.#pipe);
    await rm(this.#folder, { recursive: true, maxRetries: 5 });
  }

  async #run(task: WebTransferTask, sessionId: string, watch: boolean): Promise<PageResult> {
    const pipe = this.#pipe;
    await pipe.call("Page.enable", {}, sessionId);
    const loaded = pipe.event("Page.loadEventFired", sessionId);
    await pipe.call("Page.navigate", { url: `${task.origin}/` }, sessionId);
    await loaded;
    await pipe.call("Page.disable", {}, sessionId);
    await this.#evaluate(`prepareTransfer(${JSON.stringify(task)})`, sessionId);
    await sleep(SETTLE);
    const before = await this.#processes();
    const meter = task.observe ? new HeapMeter(pipe, sessionId) : undefined;
    if (this.#profileFolder !== undefined) await this.#startProfile(sessionId);
    if (watch) await this.#evaluate(WATCH, sessionId);
    const result = (await this.#evaluate("runTransfer()", sessionId)) as WebTransferResult;
    const tasks = watch ? ((await this.#evaluate("endWatch()", sessionId)) as PageTasks) : undefined;
    const after = await this.#processes();
    if (this.#profileFolder !== undefined) await this.#writeProfile(sessionId, task);
    return { ...result, ...(await costs(before, after)), peakHeapMiB: await meter?.stop(), tasks };
  }

  /** Evaluates an expression in a page, and waits for its promise. Rejects if the promise rejects. */
  async #evaluate(expression: string, sessionId: string): Promise<unknown> {
    const params = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.#pipe.call<Evaluated>("Runtime.evaluate", params, sessionId);
    if (exceptionDetails !== undefined)
      throw new Error(`the page failed: ${exceptionDetails.exception?.description ?? "no reason"}`);
    return result.value;
  }

  async #startProfile(sessionId: string): Promise<void> {
    await this.#pipe.call("Profiler.enable", {}, sessionId);
    await this.#pipe.call("Profiler.start", {}, sessionId);
  }

  async #writeProfile(sessionId: string, { peer, direction }: WebTransferTask): Promise<void> {
    const { profile } = await this.#pipe.call<{ profile: unknown }>("Profiler.stop", {}, sessionId);
    const name = `page-${peer}-${direction}-${++this.#profiles}.cpuprofile`;
    await writeFile(`${this.#profileFolder}/${name}`, JSON.stringify(profile));
  }

  /** Returns the CPU time of each process of the browser. */
  async #processes(): Promise<Processes> {
    const { processInfo } = await this.#pipe.call<{ processInfo: readonly BrowserProcess[] }>(
      "SystemInfo.getProcessInfo",
    );
    const all = processInfo.map(async ({ id, type }) => {
      // A process may have ended since.
      const cpuSeconds = await cpuSecondsOf(id).catch(() => 0);
      return [id, { isPage: type === "renderer", cpuSeconds }] as const;
    });
    return new Map(await Promise.all(all));
  }
}

/** Result of `Runtime.evaluate`. */
interface Evaluated {
  readonly result: { readonly value?: unknown };
  readonly exceptionDetails?: { readonly exception?: { readonly description?: string } };
}

/** Process of the browser, as `SystemInfo.getProcessInfo` returns it. */
interface BrowserProcess {
  readonly id: number;
  readonly type: string;
}

/** CPU time of each process since its start, by process id. */
type Processes = ReadonlyMap<number, { readonly isPage: boolean; readonly cpuSeconds: number }>;

/** Returns the costs between two readings. The page's process is the one of all pages that worked most. */
async function costs(
  before: Processes,
  after: Processes,
): Promise<Pick<PageResult, "cpuSeconds" | "otherCpuSeconds" | "peakMiB">> {
  const used = [...after].map(([id, { isPage, cpuSeconds }]) => {
    const spent = cpuSeconds - (before.get(id)?.cpuSeconds ?? 0);
    return { id, isPage, spent };
  });
  const [page] = used.filter(({ isPage }) => isPage).toSorted((a, b) => b.spent - a.spent);
  if (page === undefined) throw new Error("Chromium has no process for the page");
  const all = used.reduce((sum, { spent }) => sum + spent, 0);
  return { cpuSeconds: page.spent, otherCpuSeconds: all - page.spent, peakMiB: await peakMiBOf(page.id) };
}

/** Reads the size of a page's heap repeatedly, and keeps the largest. */
class HeapMeter {
  #peak = 0;
  #isOver = false;
  readonly #done: Promise<void>;

  constructor(pipe: DebuggingPipe, sessionId: string) {
    this.#done = this.#read(pipe, sessionId);
  }

  async stop(): Promise<number> {
    this.#isOver = true;
    await this.#done;
    return this.#peak / 2 ** 20;
  }

  async #read(pipe: DebuggingPipe, sessionId: string): Promise<void> {
    while (!this.#isOver) {
      const usage = await pipe.call<HeapUsage>("Runtime.getHeapUsage", {}, sessionId);
      this.#peak = Math.max(this.#peak, usage.usedSize + usage.backingStorageSize);
      await new Promise((resolve) => {
        setTimeout(resolve, SAMPLE);
      });
    }
  }
}

/** Result of `Runtime.getHeapUsage`, in bytes. */
interface HeapUsage {
  readonly usedSize: number;
  /** Size of all ArrayBuffers and WebAssembly memories. */
  readonly backingStorageSize: number;
}

/** Returns the peak resident memory of a process in MiB. */
async function peakMiBOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024;
}

async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the page did not end within ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
