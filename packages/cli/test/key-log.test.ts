import { execFileSync } from "node:child_process";
import { mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { openKeyLog } from "../src/key-log.ts";
import { temporaryFolder } from "./support.ts";

const home = vi.hoisted(() => ({ folder: "/nonexistent" }));
vi.mock(import("node:os"), async (importOriginal) => {
  const os = await importOriginal();
  // The home folder is the password database's: a test cannot set it by HOME.
  return { ...os, userInfo: () => ({ ...os.userInfo(), homedir: home.folder }) } as typeof os;
});
function linkTo(path: string, make: (target: string) => void): void {
  make(`${path}-target`);
  symlinkSync(`${path}-target`, path);
}

describe("the key log", () => {
  test("has a line for each exchange, behind what was there, for its owner alone", async () => {
    const file = join(await temporaryFolder(), "keys");
    await writeFile(file, "what was there\n", { mode: 0o644 });
    const log = openKeyLog(file);
    log.port(Uint8Array.of(0, 1, 0xff), Uint8Array.of(0xab));
    log.port(Uint8Array.of(2), Uint8Array.of(0, 3));
    log.close();
    expect(await readFile(file, "utf8")).toBe("what was there\n0001ff SHARED_SECRET ab\n02 SHARED_SECRET 0003\n");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test("is in the user's home folder where ~/ says so", async () => {
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
  ])("is never %s, whose mode stays", async (_, make, mode) => {
    const file = join(await temporaryFolder(), "special");
    make(file);
    expect(() => openKeyLog(file)).toThrow(
      expect.objectContaining({
        code: "file-unreadable",
        message: `the key log ${file} cannot be written: it is not a regular file; name one, or a new one`,
      }),
    );
    expect(statSync(file).mode & 0o777).toBe(mode);
  });

  test("may be a link to a regular file", async () => {
    const file = join(await temporaryFolder(), "link");
    linkTo(file, (target) => writeFileSync(target, ""));
    openKeyLog(file).close();
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("that cannot be written is an error that names it", async () => {
    const file = join(await temporaryFolder(), "no", "folder");
    expect(() => openKeyLog(file)).toThrow(
      expect.objectContaining({ code: "file-unreadable", message: expect.stringContaining(file) }),
    );
  });
});
