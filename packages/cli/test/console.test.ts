import type { EventEmitter } from "node:events";
import { onSystem, WINDOWS } from "@nacre/testing/windows";
import { beforeEach, expect, test, vi } from "vitest";
import { openTerminal, openTerminalDescriptors } from "../src/terminal/terminal.ts";

/** What was opened of a console, which this system lacks, and what it shows. */
const fake = vi.hoisted(() => ({
  opened: [] as string[],
  closed: [] as number[],
  hasOutput: true,
  shown: "",
  keys: undefined as unknown,
}));

vi.mock(import("node:fs"), async (original) => {
  const fs = await original();
  const openSync = ((path: string, flags: string) => {
    fake.opened.push(`${path} ${flags}`);
    if (path.includes("CONOUT") && !fake.hasOutput) throw new Error("ENOENT");
    return 1000 + fake.opened.length;
  }) as typeof fs.openSync;
  return { ...fs, openSync, closeSync: (descriptor: number) => void fake.closed.push(descriptor) };
});
vi.mock(import("node:tty"), async (original) => {
  // The mock is made before the imports of this file.
  const { EventEmitter } = await import("node:events");
  class ReadStream extends EventEmitter {
    setRawMode(): void {}
    resume(): void {}
    pause(): void {}
    read(): null {
      return null;
    }
    destroy(): void {}
    constructor() {
      super();
      fake.keys = this;
    }
  }
  class WriteStream {
    write(text: string): void {
      fake.shown += text;
    }
    destroy(): void {}
  }
  const tty = await original();
  return { ...tty, ReadStream, WriteStream } as unknown as typeof tty;
});

beforeEach(() => {
  Object.assign(fake, { opened: [], closed: [], hasOutput: true, shown: "" });
});

const NAMES = ["\\\\.\\CONIN$ r+", "\\\\.\\CONOUT$ r+"];

test("questions on Windows are asked at the console, also with redirected streams", async () => {
  onSystem(WINDOWS);
  const terminal = openTerminal()!;
  expect(fake.opened).toEqual(NAMES);
  const asked = terminal.ask("Pässword: ", { echo: false });
  await vi.waitFor(() => expect(fake.shown).toBe("Pässword: "), { timeout: 10_000 });
  (fake.keys as EventEmitter).emit("data", Buffer.from("secret\r"));
  expect(await asked).toBe("secret");
  terminal.close();
});

test("a process of Windows without a console asks nothing, and leaves nothing open", () => {
  onSystem(WINDOWS);
  fake.hasOutput = false;
  expect(openTerminal()).toBeUndefined();
  expect([fake.opened, fake.closed]).toEqual([NAMES, [1001]]);
});

test("a file named /dev/tty is not opened as a terminal on Windows", () => {
  onSystem(WINDOWS);
  expect(() => openTerminalDescriptors()).toThrow("no /dev/tty");
  expect(fake.opened).toEqual([]);
});
