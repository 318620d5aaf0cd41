import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { askToAdd, askToReplace } from "../src/ssh/consents.ts";
import { SessionTerminal } from "../src/ssh/session-terminal.ts";
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
  const values = { logLevel: "INFO", requestTTY: "auto", controlPath: undefined, controlPersist: undefined } as const;

  /** Asks at a terminal with these answers. Returns what was decided, what was said, and what the session did with its terminal. */
  async function askedAt(fake: FakeTerminal) {
    const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const steps: string[] = [];
    const terminal = new SessionTerminal(() => {
      steps.push("ask");
      return fake.terminal;
    });
    const ask = askToReplace(values, terminal);
    if (typeof ask !== "function") throw new Error("nothing is asked");
    const accepted = ask(update);
    expect(steps).toEqual([]);
    terminal.lend({ use: () => steps.push("use"), restore: () => steps.push("restore") }, undefined, {
      isInterruptible: true,
    });
    return { accepted: await accepted, said: write.mock.calls.join(""), steps };
  }

  test.each<[string[], boolean]>([
    [["yes\r"], true],
    [["YES\r"], true],
    [["no\r"], false],
    [["maybe\r", "\r", "yes\r"], true],
    [["maybe\r", "\r", "y\r", "yes\r"], false],
    [["\x03"], false],
  ])("is answered %j at the terminal of the session: %s", async (answers, expected) => {
    const fake = new FakeTerminal(...answers);
    const { accepted, said, steps } = await askedAt(fake);
    expect(accepted).toBe(expected);
    expect(fake.shown).toContain("Accept updated hostkeys? (yes/no): ");
    expect(said).toContain(
      "These changes were verified by the server's existing trusted key.\nLearned new hostkey: ED25519 SHA256:x\nDeprecating",
    );
    expect(steps).toEqual(["restore", "ask", "use"]);
    expect(process.stdout.writableCorked).toBe(0);
  });

  test("is refused if nothing can ask", async () => {
    const terminal = new SessionTerminal(() => undefined);
    terminal.lend({ use() {}, restore() {} }, undefined, { isInterruptible: true });
    const ask = askToReplace(values, terminal);
    expect(typeof ask === "function" && (await ask(update))).toBe(false);
  });

  test("is not asked where ssh does not ask", () => {
    for (const other of [
      { requestTTY: "no" },
      { logLevel: "ERROR" },
      { logLevel: "QUIET" },
      { controlPath: "/x", controlPersist: 60 },
    ] as const)
      expect(askToReplace({ ...values, ...other })).toBe(false);
  });
});
