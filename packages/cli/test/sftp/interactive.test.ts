import { PassThrough } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { runInteractive } from "../../src/sftp/interactive.ts";
import { FakeTty, type OpenSession, openSession } from "./support.ts";

/** A session at a fake terminal. */
interface AtTerminal extends OpenSession {
  readonly tty: FakeTty;
  /** Text that the prompt has shown so far. */
  readonly shown: () => string;
  /** Types keys, and waits until the terminal or the session has printed a text after that. */
  readonly type: (keys: string, text: string | RegExp) => Promise<void>;
  /** Settles with the session. */
  readonly ended: Promise<void>;
}

async function atTerminal(typedAhead = ""): Promise<AtTerminal> {
  const opened = await openSession();
  const tty = new FakeTty();
  const output = new PassThrough();
  let shown = "";
  output.on("data", (chunk: Buffer) => {
    shown += chunk.toString();
  });
  const ended = runInteractive(opened.session, tty, output, typedAhead);
  ended.catch(() => {});
  onTestFinished(() => void tty.end());
  const all = (): string => shown + opened.printed() + opened.complaints();
  await expect.poll(() => shown, { timeout: 10_000 }).toContain("sftp> ");
  const type = async (keys: string, text: string | RegExp): Promise<void> => {
    const before = [shown.length, opened.printed().length, opened.complaints().length] as const;
    tty.write(keys);
    const after = (): string =>
      shown.slice(before[0]) + opened.printed().slice(before[1]) + opened.complaints().slice(before[2]);
    if (typeof text === "string") await expect.poll(after, { timeout: 10_000 }).toContain(text);
    else await expect.poll(after, { timeout: 10_000 }).toMatch(text);
  };
  expect(all()).not.toContain("nacre:");
  return { ...opened, tty, shown: () => shown, type, ended };
}

test("runs the lines that are typed, and ends with quit; the terminal is released", async () => {
  const { type, ended, tty, printed } = await atTerminal();
  expect(tty.isRaw).toBe(true);
  await type("pwd\r", "Remote working directory: /home\n");
  await type("# comment\r", "sftp> ");
  await type("quit\r", "quit");
  await ended;
  expect(tty.isRaw).toBe(false);
  expect(tty.listenerCount("keypress")).toBe(0);
  expect(printed()).toBe("Remote working directory: /home\n");
});

test("ends with Ctrl-D in an empty line", async () => {
  const { type, ended } = await atTerminal();
  await type("\x04", "\n");
  await ended;
});

test("recalls earlier lines with the up key", async () => {
  const { type, printed } = await atTerminal();
  await type("mkdir one\r", "sftp> ");
  await type("version\r", "SFTP protocol version 3\n");
  await type("lpwd\r", "Local working directory");
  await type("\x1b[A\x1b[A\r", "SFTP protocol version 3\n");
  expect(printed().match(/version 3/g)).toHaveLength(2);
});

test("Ctrl-C gives up the line, and not the session", async () => {
  const { type, session, printed } = await atTerminal();
  await type("mkdir never", "never");
  await type("\x03", "^C\n");
  await type("version\r", "SFTP protocol version 3\n");
  expect(printed()).toBe("SFTP protocol version 3\n");
  expect(await session.sftp.readdir("/home")).toEqual([]);
});

test("Ctrl-C ends the command under way; the next one runs", async () => {
  const { type, session, complaints, onProgram, tty } = await atTerminal();
  onProgram(() => {
    // Ctrl-C is a signal then, because the terminal is in its usual mode.
    expect(tty.isRaw).toBe(false);
    process.emit("SIGINT", "SIGINT");
  });
  const listeners = process.listenerCount("SIGINT");
  await type("!x\r", "sftp> ");
  expect(session.signal.aborted).toBe(true);
  await type("version\r", "SFTP protocol version 3\n");
  expect(session.signal.aborted).toBe(false);
  expect(process.listenerCount("SIGINT")).toBe(listeners);
  expect(complaints()).toBe("");
});

test("runs all lines that were pasted, one after the other", async () => {
  const { type, session } = await atTerminal();
  await type("mkdir a\rcd a\rmkdir b\rpwd\r", "Remote working directory: /home/a\n");
  expect(await session.sftp.readdir("/home/a")).toEqual(["b"]);
});

test("runs what was typed before the first prompt", async () => {
  const { type, session } = await atTerminal("mkdir early\rmkdir late");
  await type("r\r", "sftp> ");
  await expect.poll(() => session.sftp.readdir("/home"), { timeout: 10_000 }).toEqual(["early", "later"]);
});

test("completes a name with the tab key, and lists several", async () => {
  const { type, session, shown } = await atTerminal();
  await session.sftp.mkdir("/home/some directory");
  await session.sftp.writeFile("/home/other1", "");
  await session.sftp.writeFile("/home/other2", "");
  await type("cd so", "cd so");
  await type("\t", "me\\ directory/");
  await type("\r", "sftp> ");
  await type("pwd\r", "Remote working directory: /home/some directory\n");
  await type("get /home/o", "get /home/o");
  await type("\t", "ther");
  await type("\t", /\/home\/other1\s+\/home\/other2/);
  expect(shown()).toContain("/home/other2");
});

test("ends with the connection's error, even at the prompt", async () => {
  const { client, ended, tty, shown } = await atTerminal();
  await client.close();
  await expect(ended).rejects.toMatchObject({ code: "closed" });
  expect(tty.isRaw).toBe(false);
  // The error is printed in a line of its own.
  expect(shown().endsWith("\n")).toBe(true);
});
