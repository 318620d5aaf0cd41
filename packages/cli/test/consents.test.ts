import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { askToAdd, askToReplace } from "../src/ssh/consents.ts";
import { FakeTerminal, temporaryFolder } from "./support.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** Makes a program that answers and notes its question, and lets it ask as SSH_ASKPASS_REQUIRE says. */
async function program(answer: string, require: "force" | "never"): Promise<void> {
  const file = join(await temporaryFolder(), "askpass");
  writeFileSync(file, `#!/bin/sh\necho '${answer}'\n`, { mode: 0o755 });
  vi.stubEnv("SSH_ASKPASS", file);
  vi.stubEnv("SSH_ASKPASS_REQUIRE", require);
}

function permitOf(fake: FakeTerminal): (file: string) => boolean | Promise<boolean> {
  const options = askToAdd({ seconds: 60 }, fake.terminal);
  if (typeof options !== "object" || options.permit === undefined) throw new Error("nothing is asked");
  expect(options.lifetime).toBe(60);
  return options.permit;
}

describe("AddKeysToAgent ask", () => {
  test.each([
    ["yes", true],
    ["", true],
    ["no", false],
  ])("is answered %j by the program: %s", async (answer, permitted) => {
    await program(answer, "force");
    const fake = new FakeTerminal();
    expect(await permitOf(fake)("key")).toBe(permitted);
    expect(fake.shown).toBe("");
  });

  test("is asked at the terminal without a program, once for each file", async () => {
    await program("yes", "never");
    const fake = new FakeTerminal("\r", "yes\r");
    const permit = permitOf(fake);
    expect(await permit("key\x1b")).toBe(false);
    expect(await permit("key\x1b")).toBe(false);
    expect(await permit("other")).toBe(true);
    expect(fake.shown).toContain("Add key key\\x1b to agent? (yes/no) ");
  });

  test("adds nothing if nobody can be asked", () => {
    expect(askToAdd({ seconds: 0 }, undefined)).toBe(false);
  });
});

describe("UpdateHostKeys ask", () => {
  const key = { format: "ssh-ed25519", fingerprint: "SHA256:x" };
  const update = { host: "h", port: 22, added: [key], removed: [key] };

  test.each([
    ["yes", true],
    ["", false],
    ["no", false],
  ])("is answered %j by the program: %s", async (answer, accepted) => {
    await program(answer, "force");
    const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const ask = askToReplace(new FakeTerminal().terminal);
    expect(typeof ask === "function" && (await ask(update))).toBe(accepted);
    expect(write.mock.calls.join("")).toContain("Learned new hostkey: ED25519 SHA256:x");
  });

  test("changes no file if only the terminal could ask", async () => {
    await program("yes", "never");
    expect(askToReplace(new FakeTerminal().terminal)).toBe(false);
  });
});
