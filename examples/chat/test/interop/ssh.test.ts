import { expect, test } from "vitest";
import { TestPage } from "../doors.ts";
import { MAIN, usePrograms } from "./support.ts";

const { startChat, ssh, start, folder } = usePrograms();

test("ssh in a terminal and a page show each other's messages at once", async () => {
  const chat = await startChat();
  const page = await TestPage.join(chat.webPort, "ann");
  const bob = ssh(chat, "Bob", "terminal");
  await bob.until("welcome, \x1b[1mbob\x1b[0m; in the room: ann, bob");
  await page.until({ type: "joined", name: "bob" });

  bob.type("helo\x7flo th\x1b[Dere\r");
  expect(await page.until({ type: "said" })).toEqual({ type: "said", name: "bob", text: "hello there" });
  bob.type("half a li");
  await bob.until("> half a li");
  page.say("<i>hi</i> \x1b[31m");
  await bob.until("\r\x1b[K\x1b[1mann\x1b[0m: <i>hi</i> [31m\r\n> half a li");
  bob.type("\x03");
  expect(await bob.closed).toBe(0);
  await page.until({ type: "left", name: "bob" });
  await page.close();
});

test("ssh without a terminal sends and prints plain lines", async () => {
  const chat = await startChat();
  const page = await TestPage.join(chat.webPort, "ann");
  const bob = ssh(chat, "bob", "pipes");
  await bob.until("* bob joined\n");
  bob.type("hello\n");
  await page.until({ type: "said", name: "bob", text: "hello" });
  page.say("hi");
  await bob.until("ann: hi\n");
  bob.endInput();
  expect(await bob.closed).toBe(0);
  expect(bob.text).not.toContain("\x1b");
  await page.close();
});

test("ssh is refused with a reason if its name is taken", async () => {
  const chat = await startChat();
  const page = await TestPage.join(chat.webPort, "ann");
  const second = ssh(chat, "Ann", "terminal");
  await second.until("the name ann is taken");
  expect(await second.closed).toBe(1);
  await page.close();
});

test.each(["SIGINT", "SIGTERM"] as const)(
  "%s ends all visits, and the process exits without open resources",
  async (signal) => {
    const chat = await startChat();
    const page = await TestPage.join(chat.webPort, "ann");
    const bob = ssh(chat, "bob", "terminal");
    await page.until({ type: "joined", name: "bob" });
    chat.program.kill(signal);
    await bob.until("* the room closes");
    expect(await page.closed).toBe(1000);
    // The process exits without `process.exit`, so no socket, timer or child process remains.
    expect(await chat.program.closed).toBe(0);
    await bob.closed;
  },
);

test.each([
  [["--ssh-port", "70000"], 2, "--ssh-port 70000 is not a port"],
  [["--nope"], 2, "usage: npm start -- chat"],
  [["--valkey", "redis://127.0.0.1:1", "--ssh-port", "0", "--web-port", "0"], 1, "cannot connect to Valkey"],
] as const)("the options %j exit with status %i and a reason", async (options, status, reason) => {
  const program = start([process.execPath, ...MAIN, "--host-key", `${folder.path}/host_key`, ...options]);
  expect(await program.closed).toBe(status);
  expect(program.text).toContain(reason);
});
