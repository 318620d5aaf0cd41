import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { hostKeyFile } from "../src/index.ts";
import { temporaryFolder } from "./support.ts";

// Simulates a disk on which a new file stays empty for a while.
vi.mock(import("node:fs/promises"), async (original) => {
  const fs = await original();
  const writeFile = (async (file: string, text: string, options: object) => {
    await fs.writeFile(file, "", options);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    await fs.writeFile(file, text);
  }) as typeof fs.writeFile;
  return { ...fs, writeFile };
});

test("a host key is never read while it is incomplete", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "host_key");
  const first = hostKeyFile(path);
  const others: ReturnType<typeof hostKeyFile>[] = [];
  for (let i = 0; i < 40; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    others.push(hostKeyFile(path));
  }
  const keys = await Promise.all([first, ...others]);
  expect(new Set(keys.map(({ publicKey }) => publicKey.blob.join())).size).toBe(1);
  expect((await readdir(folder)).toSorted()).toEqual(["host_key", "host_key.pub"]);
});
