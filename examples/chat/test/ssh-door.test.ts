import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, privateKey } from "@nacre/node";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { GuestEvent } from "../src/room.ts";
import { lineOf, openSshDoor } from "../src/ssh-door.ts";
import { loginTo, openChatHere, openResources, released, TestPage, TestTerminal, useChat } from "./doors.ts";
import { delivered, GatedBus, testRoom } from "./support.ts";

describe("an SSH client", () => {
  const use = useChat();

  test("talks with a page, both ways", async () => {
    const page = await TestPage.join(use.chat.webPort, "ann");
    const terminal = await TestTerminal.open(use.chat.sshPort, "Bob");
    await terminal.until("in the room: ann, bob");
    await page.until({ type: "joined", name: "bob" });
    terminal.type("hello\r");
    expect(await page.until({ type: "said" })).toEqual({ type: "said", name: "bob", text: "hello" });
    page.say("hi");
    await terminal.until("\x1b[1mann\x1b[0m: hi\r\n");
    terminal.type("\x04");
    expect(await terminal.process.exit).toMatchObject({ status: 0 });
    await page.until({ type: "left", name: "bob" });
    await Promise.all([terminal.close(), page.close()]);
  });

  test("gets no escape sequence that another guest sends", async () => {
    const page = await TestPage.join(use.chat.webPort, "ann");
    const terminal = await TestTerminal.open(use.chat.sshPort, "bob", { pty: false });
    await terminal.until("bob joined");
    page.say("\x1b]0;owned\x07\x9b2J\r\nann left");
    await terminal.until("ann: ]0;owned2J ann left\n");
    expect(terminal.shown).not.toMatch(/[^\n -~]/);
    await Promise.all([terminal.close(), page.close()]);
  });

  test("without a terminal sends each line as a message, and leaves at the end of its input", async () => {
    const page = await TestPage.join(use.chat.webPort, "ann");
    const terminal = await TestTerminal.open(use.chat.sshPort, "bob", { pty: false });
    terminal.process.stdin.end("one\ntwo");
    expect(await terminal.process.exit).toMatchObject({ status: 0 });
    await page.until({ type: "left", name: "bob" });
    const said = page.messages.filter(({ type }) => type === "said").map(({ text }) => text);
    expect(said).toEqual(["one", "two"]);
    await Promise.all([terminal.close(), page.close()]);
  });

  test.each([
    ["an invalid name", "b<b>", "a name has 1 to 20 letters"],
    ["an escape sequence as its name", "\x1b[2J", "a name has 1 to 20 letters"],
  ])("with %s is refused with a reason", async (_, name, reason) => {
    const terminal = await TestTerminal.open(use.chat.sshPort, name, { pty: false });
    await terminal.until(reason);
    expect(await terminal.process.exit).toMatchObject({ status: 1 });
    await terminal.close();
  });

  test("with a name that is taken is refused with a reason", async () => {
    const page = await TestPage.join(use.chat.webPort, "ann");
    const terminal = await TestTerminal.open(use.chat.sshPort, "ANN");
    await terminal.until("* the name ann is taken; choose another\r\n");
    expect(await terminal.process.exit).toMatchObject({ status: 1 });
    await Promise.all([terminal.close(), page.close()]);
  });

  test("that sends messages too fast gets a warning, and is disconnected if it continues", async () => {
    const terminal = await TestTerminal.open(use.chat.sshPort, "bob", { pty: false });
    terminal.type("x\n".repeat(10));
    await terminal.until("* too fast: wait a second\n");
    terminal.type("x\n".repeat(100_000));
    await terminal.until("* too many refused messages\n");
    expect(await terminal.process.exit).toMatchObject({ status: 1 });
    expect(terminal.shown.split("\n").length).toBeLessThan(40);
    await terminal.close();
  });

  test("that disconnects leaves the room", async () => {
    const page = await TestPage.join(use.chat.webPort, "ann");
    const terminal = await TestTerminal.open(use.chat.sshPort, "bob");
    await page.until({ type: "joined", name: "bob" });
    await terminal.close();
    await page.until({ type: "left", name: "bob" });
    await page.close();
  });

  test("can log in with any key, but cannot run commands, subsystems or forwarding", async () => {
    const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }) as string;
    const client = await connect({
      host: "127.0.0.1",
      port: use.chat.sshPort,
      user: "bob",
      identities: [await privateKey(pem)],
      hostKey: () => true,
    });
    const result = await client.exec("ls");
    expect(result).toMatchObject({ stdout: "* this server runs no commands; connect without one\n", status: 1 });
    // Either code is valid: the first session may still be open.
    const code = expect.stringMatching(/^channel-(request|open)-failed$/) as string;
    await expect(client.subsystem("sftp")).rejects.toMatchObject({ code });
    await expect(client.dial({ host: "127.0.0.1", port: use.chat.webPort })).rejects.toMatchObject({
      code: "forward-denied",
    });
    await client.close();
  });
});

test("an SSH client that disconnects while it joins leaves the room", async () => {
  const folder = mkdtempSync(join(tmpdir(), "nacre-chat-"));
  const bus = new GatedBus();
  const { room } = testRoom({}, bus);
  const server = await openSshDoor(room, { host: "127.0.0.1", port: 0, hostKey: join(folder, "host_key") });
  const terminal = await TestTerminal.open(server.address.port, "bob");
  await bus.asked;
  await terminal.close();
  await server.close();
  bus.open();
  await delivered();
  expect(room.size).toBe(0);
  expect(await bus.names()).toEqual([]);
  rmSync(folder, { recursive: true });
});

describe("an SSH connection without a session", () => {
  beforeAll(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] }));
  afterAll(() => void vi.useRealTimers());
  const use = useChat();

  test("is disconnected, and one with a session is not", async () => {
    const terminal = await TestTerminal.open(use.chat.sshPort, "bob");
    const idle = await connect({ ...loginTo(use.chat.sshPort), user: "ann" });
    vi.advanceTimersByTime(10_000);
    vi.advanceTimersByTime(10_000);
    await expect(idle.ended).resolves.toMatchObject({ code: "disconnected" });
    terminal.type("here\r");
    await terminal.until("here");
    await terminal.close();
  });
});

test("lineOf makes an event of any origin safe for a terminal", () => {
  const name = "a\x1bb";
  expect(lineInAngles({ type: "said", name, text: "\x1b[2J\n" })).toBe("<a\ufffdb>: \ufffd[2J\ufffd");
  expect(lineInAngles({ type: "left", name })).toBe("* <a\ufffdb> left");
  expect(lineInAngles({ type: "welcome", name, names: [name] })).toBe("* welcome, <a\ufffdb>; in the room: a\ufffdb");
});

describe("a slow SSH client", () => {
  const use = useChat({ limits: { burst: 1e6, perSecond: 1e6 } });

  test("that reads nothing is disconnected, and delays no other guest", async () => {
    const page = await TestPage.join(use.chat.webPort, "ann");
    const slow = await TestTerminal.open(use.chat.sshPort, "slow", { reads: false });
    await page.until({ type: "joined", name: "slow" });
    let sent = 0;
    while (use.chat.room.size === 2) {
      if (sent++ > 10_000) throw new Error("the slow client is still in the room");
      const text = `${sent} `.padEnd(500, "x");
      page.say(text);
      await page.until({ type: "said", text });
      page.forget("said");
    }
    await page.until({ type: "left", name: "slow" });
    await expect(slow.process.exit).rejects.toMatchObject({
      code: expect.stringMatching(/connection-lost|disconnected/),
    });
    await Promise.all([slow.close(), page.close()]);
  });

  test("that types but reads no echo is disconnected", async () => {
    const slow = await TestTerminal.open(use.chat.sshPort, "slow", { reads: false });
    slow.process.stdin.on("error", () => {});
    await vi.waitFor(() => expect(use.chat.room.size).toBe(1), 10_000);
    let typed = 0;
    while (use.chat.room.size > 0) {
      if (typed++ > 100_000) throw new Error("the slow client is still in the room");
      slow.type("x");
      await new Promise(setImmediate);
    }
    await slow.process.exit.catch(() => {});
    await slow.close();
  });
});

test("closing the chat ends all visits and releases everything", async () => {
  const folder = mkdtempSync(join(tmpdir(), "nacre-chat-"));
  const before = openResources();
  const chat = await openChatHere(folder);
  const page = await TestPage.join(chat.webPort, "ann");
  const terminal = await TestTerminal.open(chat.sshPort, "bob");
  await terminal.until("bob");
  await chat.close();
  expect(await page.closed).toBe(1000);
  expect(page.messages.at(-1)).toEqual({ type: "ended", reason: "the room closes" });
  await terminal.process.exit.catch(() => {});
  expect(terminal.shown).toContain("* the room closes");
  await terminal.close();
  await released(before);
  rmSync(folder, { recursive: true });
});

test("a port in use is an error with a remedy, and nothing stays open", async () => {
  const folder = mkdtempSync(join(tmpdir(), "nacre-chat-"));
  const before = openResources();
  const chat = await openChatHere(folder);
  const web = { host: "127.0.0.1", port: chat.webPort };
  await expect(openChatHere(folder, { web })).rejects.toThrow(
    /cannot listen on 127.0.0.1 port \d+.*choose another port/,
  );
  const ssh = { host: "127.0.0.1", port: chat.sshPort, hostKey: join(folder, "host_key") };
  await expect(openChatHere(folder, { ssh })).rejects.toThrow(/the port is in use/);
  await chat.close();
  await released(before);
  rmSync(folder, { recursive: true });
});

function lineInAngles(event: GuestEvent): string {
  return lineOf(event, (name) => `<${name}>`);
}
