import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isWindows } from "@nacre/node/extend";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Askpass, askpassUse } from "../src/terminal/asker.ts";
import { temporaryFolder } from "./support.ts";

describe("SSH_ASKPASS_REQUIRE", () => {
  test.each<[NodeJS.ProcessEnv, ReturnType<typeof askpassUse>]>([
    [{}, "never"],
    [{ DISPLAY: "" }, "never"],
    [{ DISPLAY: ":0" }, "without-terminal"],
    [{ WAYLAND_DISPLAY: "wayland-0" }, "without-terminal"],
    [{ DISPLAY: ":0", SSH_ASKPASS_REQUIRE: "other" }, "without-terminal"],
    [{ SSH_ASKPASS_REQUIRE: "force" }, "always"],
    [{ SSH_ASKPASS_REQUIRE: "FORCE" }, "always"],
    [{ SSH_ASKPASS_REQUIRE: "prefer" }, "never"],
    [{ DISPLAY: ":0", SSH_ASKPASS_REQUIRE: "prefer" }, "always"],
    [{ DISPLAY: ":0", SSH_ASKPASS_REQUIRE: "never" }, "never"],
  ])("of %j: a program asks %s", (env, use) => {
    expect(askpassUse(env)).toBe(use);
  });
});

describe("the program of SSH_ASKPASS", () => {
  let folder = "";
  let said = "";

  beforeEach(async () => {
    folder = await temporaryFolder();
    said = "";
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      said += String(text);
      return true;
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  });

  /** Makes a script the program. */
  function program(script: string): Askpass {
    const file = join(folder, "askpass");
    writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    vi.stubEnv("SSH_ASKPASS", file);
    vi.stubEnv("SSH_ASKPASS_PROMPT", undefined);
    return new Askpass();
  }

  test("gets the question as its argument, and no hint", async () => {
    const asker = program(`printf '%s|%s|%s' "$1" "$#" "\${SSH_ASKPASS_PROMPT-none}" > ${folder}/called; echo answer`);
    expect(await asker.ask("alice@example.org's password: ")).toBe("answer");
    expect(readFileSync(join(folder, "called"), "utf8")).toBe("alice@example.org's password: |1|none");
    expect(said).toBe("");
  });

  test("answers nothing if `spawn` throws, as it does on Windows for a script", async () => {
    vi.stubEnv("SSH_ASKPASS", process.execPath);
    expect(await new Askpass().ask("a question with a NUL: \0")).toBe("");
    expect(said).toMatch(/^ssh_askpass: exec\(.*\): .*without null bytes/);
  });

  test("is not run after `close`, when a connection is made again", async () => {
    const asker = program(`: > ${folder}/called`);
    asker.close();
    await expect(asker.ask("Password: ")).rejects.toMatchObject({ code: "auth-cancelled" });
    expect(existsSync(join(folder, "called"))).toBe(false);
  });

  test.each([
    ["first line", "printf 'one\\ntwo\\n'", "one"],
    ["text before a carriage return", "printf 'one\\r\\n'", "one"],
    ["words without a line end", "printf 'one two'", "one two"],
    ["first 1023 bytes", "head -c 5000 /dev/zero | tr '\\0' x", "x".repeat(1023)],
    ["empty answer of a program that fails", "echo one; exit 1", ""],
    ["empty answer of a program that is killed", "echo one; kill -9 $$", ""],
  ])("gives the %s", async (_, script, answer) => {
    expect(await program(script).ask("")).toBe(answer);
  });

  test("is reported if it cannot be run", async () => {
    const path = isWindows() ? "C:\\none\\askpass.exe" : "/none/askpass";
    vi.stubEnv("SSH_ASKPASS", path);
    expect(await new Askpass().ask("Password: ")).toBe("");
    expect(said).toBe(`ssh_askpass: exec(${path}): No such file or directory\n`);
  });

  test.each([
    ["echo", true],
    ["echo YES", true],
    ["echo no", false],
    ["exit 1", false],
  ])("permits with %s: %s", async (script, permits) => {
    const asker = program(`test "$SSH_ASKPASS_PROMPT" = confirm || exit 1; ${script}`);
    expect(await asker.permit("Allow it?")).toBe(permits);
  });

  test("is ended with the questions", async () => {
    const asker = program("exec sleep 100");
    const asked = asker.ask("Password: ");
    expect(asker.close()).toBe("");
    expect(await asked).toBe("");
  });
});
