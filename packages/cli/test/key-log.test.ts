import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectMode } from "@nacre/testing/windows";
import { describe, expect, test, vi } from "vitest";
import { openKeyLog } from "../src/ssh/key-log.ts";
import { temporaryFolder } from "./support.ts";

const home = vi.hoisted(() => ({ folder: "/nonexistent" }));
vi.mock(import("node:os"), async (importOriginal) => {
  const os = await importOriginal();
  // The home folder comes from the password database, so a test cannot set it with HOME.
  return { ...os, userInfo: () => ({ ...os.userInfo(), homedir: home.folder }) } as typeof os;
});
function linkTo(path: string, make: (target: string) => void): void {
  make(`${path}-target`);
  symlinkSync(`${path}-target`, path);
}

describe("the key log", () => {
  test("appends one line per key exchange to a file that only its owner can read", async () => {
    const file = join(await temporaryFolder(), "keys");
    await writeFile(file, "what was there\n", { mode: 0o644 });
    const log = openKeyLog(file);
    log.port(Uint8Array.of(0, 1, 0xff), Uint8Array.of(0xab));
    log.port(Uint8Array.of(2), Uint8Array.of(0, 3));
    log.close();
    expect(await readFile(file, "utf8")).toBe("what was there\n0001ff SHARED_SECRET ab\n02 SHARED_SECRET 0003\n");
    await expectMode(file, 0o600);
  });

  test("expands ~/ to the user's home folder", async () => {
    const folder = await temporaryFolder();
    home.folder = folder;
    openKeyLog("~/keys").close();
    expect((await stat(join(folder, "keys"))).size).toBe(0);
  });

  test.each<[string, (path: string) => void, number]>([
    ["a FIFO", (path) => void execFileSync("mkfifo", ["-m", "644", path]), 0o644],
    ["a link to a FIFO", (path) => linkTo(path, (target) => execFileSync("mkfifo", ["-m", "644", target])), 0o644],
    ["a folder", (path) => mkdirSync(path, { mode: 0o755 }), 0o755],
    ["a link to a device", (path) => symlinkSync("/dev/zero", path), 0o666],
  ])("rejects %s and leaves its mode unchanged", async (_, make, mode) => {
    const file = join(await temporaryFolder(), "special");
    make(file);
    expect(() => openKeyLog(file)).toThrow(
      expect.objectContaining({
        code: "file-unreadable",
        message: `cannot write the key log ${file}: not a regular file; give the path of a regular or a new file`,
      }),
    );
    await expectMode(file, mode);
  });

  test("accepts a link to a regular file", async () => {
    const file = join(await temporaryFolder(), "link");
    linkTo(file, (target) => writeFileSync(target, ""));
    openKeyLog(file).close();
    await expectMode(file, 0o600);
  });

  test("names a file that cannot be written", async () => {
    const file = join(await temporaryFolder(), "no", "folder");
    expect(() => openKeyLog(file)).toThrow(
      expect.objectContaining({ code: "file-unreadable", message: expect.stringContaining(file) }),
    );
  });
});
