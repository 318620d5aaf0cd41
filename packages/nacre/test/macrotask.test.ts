import { afterEach, describe, expect, it, vi } from "vitest";

const TWICE = ["first", "second"];

/** Returns the order in which two tasks and a microtask run. */
async function order(): Promise<string[]> {
  vi.resetModules();
  const { queueMacrotask } = await import("../src/mux/queue.ts");
  const ran: string[] = [];
  for (const name of TWICE) queueMacrotask(() => ran.push(name));
  await Promise.resolve();
  ran.push("microtask");
  await new Promise<void>((resolve) => queueMacrotask(resolve));
  return ran;
}

describe("queueMacrotask runs tasks in order, after the current task and its microtasks", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("with setImmediate", async () => {
    expect(await order()).toEqual(["microtask", ...TWICE]);
  });

  it("with messages, as in a browser", async () => {
    const posted = vi.spyOn(MessagePort.prototype, "postMessage");
    vi.stubGlobal("setImmediate", undefined);
    const channels: MessageChannel[] = [];
    const Original = MessageChannel;
    vi.stubGlobal(
      "MessageChannel",
      class extends Original {
        constructor() {
          super();
          channels.push(this);
        }
      },
    );
    expect(await order()).toEqual(["microtask", ...TWICE]);
    expect(posted).toHaveBeenCalledTimes(3);
    expect(channels).toHaveLength(1);
    for (const { port1 } of channels) port1.close();
  });

  it("with timers, if nothing else is available", async () => {
    vi.stubGlobal("setImmediate", undefined);
    vi.stubGlobal("MessageChannel", undefined);
    expect(await order()).toEqual(["microtask", ...TWICE]);
  });
});
