import { afterEach, describe, expect, it, vi } from "vitest";

const TWICE = ["first", "second"];

/** The order in which two tasks run, and whether they leave the present task and its microtasks first. */
async function order(): Promise<string[]> {
  vi.resetModules();
  const { queueMacrotask } = await import("../src/mux/macrotask.ts");
  const ran: string[] = [];
  for (const name of TWICE) queueMacrotask(() => ran.push(name));
  await Promise.resolve();
  ran.push("microtask");
  await new Promise<void>((resolve) => queueMacrotask(resolve));
  return ran;
}

describe("a macrotask runs after the present task and its microtasks, in order", () => {
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

  it("with timers, where there is nothing else", async () => {
    vi.stubGlobal("setImmediate", undefined);
    vi.stubGlobal("MessageChannel", undefined);
    expect(await order()).toEqual(["microtask", ...TWICE]);
  });
});
