import { readFile, writeFile } from "node:fs/promises";
import { type Browser, type CDPSession, chromium } from "playwright";
import { CHROMIUM } from "../runtimes/browsers/list.ts";
import { cpuSecondsOf } from "./process-cpu.ts";
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
}

/** Process of the browser, as its debugging protocol reports it. */
interface BrowserProcess {
  readonly id: number;
  readonly type: string;
}

/** Chromium without a window. Each transfer gets a page of its own, in a new process. */
export class WebBrowser {
  readonly #browser: Browser;
  readonly #session: CDPSession;
  readonly #profile: ((profile: unknown, task: WebTransferTask) => Promise<void>) | undefined;

  private constructor(browser: Browser, session: CDPSession, profileFolder: string | undefined) {
    this.#browser = browser;
    this.#session = session;
    if (profileFolder === undefined) return;
    let count = 0;
    this.#profile = (profile, { peer, direction }) =>
      writeFile(`${profileFolder}/page-${peer}-${direction}-${++count}.cpuprofile`, JSON.stringify(profile));
  }

  /** Starts the browser. With `profileFolder`, each transfer writes a CPU profile of its page there. */
  static async start(profileFolder: string | undefined): Promise<WebBrowser> {
    const { program, words } = CHROMIUM;
    const browser = await chromium.launch({ executablePath: program, args: [...words] });
    return new WebBrowser(browser, await browser.newBrowserCDPSession(), profileFolder);
  }

  get version(): string {
    return this.#browser.version();
  }

  /** Opens the page of a gateway, and runs a transfer there. Rejects if it takes longer than `timeoutMs`. */
  async perform(task: WebTransferTask, timeoutMs: number): Promise<PageResult> {
    const context = await this.#browser.newContext();
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(timeoutMs);
      await page.goto(`${task.origin}/`);
      const session = await context.newCDPSession(page);
      const before = await this.#processes();
      const meter = task.observe ? new HeapMeter(session) : undefined;
      if (this.#profile !== undefined) {
        await session.send("Profiler.enable");
        await session.send("Profiler.start");
      }
      const result = await within(
        timeoutMs,
        page.evaluate((options) => (globalThis as unknown as PageGlobals).runTransfer(options), task),
      );
      await this.#profile?.((await session.send("Profiler.stop")).profile, task);
      const peakHeapMiB = await meter?.stop();
      const after = await this.#processes();
      const used = new Map([...after].map(([id, { cpu }]) => [id, cpu - (before.get(id)?.cpu ?? 0)]));
      const [own = 0] = [...after]
        .filter(([, { type }]) => type === "renderer")
        .map(([id]) => id)
        .sort((a, b) => used.get(b)! - used.get(a)!);
      const all = [...used.values()].reduce((sum, cpu) => sum + cpu, 0);
      const cpuSeconds = used.get(own) ?? 0;
      return {
        ...result,
        cpuSeconds,
        otherCpuSeconds: all - cpuSeconds,
        peakMiB: await peakMiBOf(own),
        peakHeapMiB,
      };
    } finally {
      await context.close();
    }
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }

  /** Returns the CPU time of each process of the browser in seconds, by process id. */
  async #processes(): Promise<Map<number, { readonly type: string; readonly cpu: number }>> {
    const { processInfo } = (await this.#session.send("SystemInfo.getProcessInfo")) as {
      readonly processInfo: readonly BrowserProcess[];
    };
    const all = await Promise.all(
      processInfo.map(async ({ id, type }) => [id, { type, cpu: await cpuSecondsOf(id).catch(() => 0) }] as const),
    );
    return new Map(all);
  }
}

/** Globals of the page's script. */
interface PageGlobals {
  runTransfer(task: WebTransferTask): Promise<Omit<WebTransferResult, "cpuSeconds">>;
}

/** Reads the size of a page's heap repeatedly, and keeps the largest. */
class HeapMeter {
  #peak = 0;
  #isOver = false;
  readonly #done: Promise<void>;

  constructor(session: CDPSession) {
    this.#done = this.#read(session);
  }

  async stop(): Promise<number> {
    this.#isOver = true;
    await this.#done;
    return this.#peak / 2 ** 20;
  }

  async #read(session: CDPSession): Promise<void> {
    while (!this.#isOver) {
      const usage = (await session.send("Runtime.getHeapUsage")) as HeapUsage;
      this.#peak = Math.max(this.#peak, usage.usedSize + usage.backingStorageSize);
      await new Promise((resolve) => {
        setTimeout(resolve, SAMPLE);
      });
    }
  }
}

/** Sizes in bytes. */
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
