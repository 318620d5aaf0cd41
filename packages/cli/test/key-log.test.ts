import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { openKeyLog } from "../src/key-log.ts";
import { temporaryFolder } from "./support.ts";

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
    const { HOME } = process.env;
    process.env.HOME = folder;
    onTestFinished(() => void (process.env.HOME = HOME));
    openKeyLog("~/keys").close();
    expect((await stat(join(folder, "keys"))).size).toBe(0);
  });

  test("that cannot be written is an error that names it", async () => {
    const file = join(await temporaryFolder(), "no", "folder");
    expect(() => openKeyLog(file)).toThrow(
      expect.objectContaining({ code: "file-unreadable", message: expect.stringContaining(file) }),
    );
  });
});
