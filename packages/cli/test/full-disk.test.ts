import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { keygen } from "../src/keygen/keygen.ts";
import { openTerminal } from "../src/terminal/terminal.ts";
import { FakeTerminal, temporaryFolder } from "./support.ts";

const disk = vi.hoisted(() => ({ fullFor: "" }));

vi.mock(import("../src/terminal/terminal.ts"), async (original) => ({ ...(await original()), openTerminal: vi.fn() }));
vi.mock(import("node:fs/promises"), async (original) => {
  const fs = await original();
  const write: typeof fs.writeFile = async (file, data, options) => {
    if (disk.fullFor === "" || typeof file !== "string" || !file.includes(disk.fullFor))
      return fs.writeFile(file, data, options);
    await fs.writeFile(file, "", options);
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  };
  return { ...fs, writeFile: write };
});

test.each(["key", "key.pub"])("keygen leaves no part of a key if the disk is full for %s", async (name) => {
  const folder = await temporaryFolder();
  disk.fullFor = name;
  await expect(keygen(["-t", "ed25519", "-f", join(folder, "key"), "-N", ""])).rejects.toMatchObject({
    code: "file-unwritable",
    message: expect.stringContaining("ENOSPC") as string,
  });
  expect(await readdir(folder)).toEqual([]);
});

test("keygen keeps the old key if the disk is full", async () => {
  disk.fullFor = "";
  const folder = await temporaryFolder();
  await writeFile(join(folder, "key"), "old key");
  vi.mocked(openTerminal).mockReturnValue(new FakeTerminal("yes\r").terminal);
  disk.fullFor = "key.pub";
  await expect(keygen(["-t", "ed25519", "-f", join(folder, "key"), "-N", ""])).rejects.toMatchObject({
    code: "file-unwritable",
  });
  expect(await readdir(folder)).toEqual(["key"]);
  expect(await readFile(join(folder, "key"), "utf8")).toBe("old key");
});
