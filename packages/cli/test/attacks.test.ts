import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { generateEd25519 } from "@nacre/keys";
import { type Client, connect, listen } from "@nacre/node";
import { firstLine } from "@nacre/testing/first-line";
import { expect, onTestFinished, test, vi } from "vitest";
import { untilStopped } from "../src/serve/serve-stop.ts";
import { openKeyLog } from "../src/ssh/key-log.ts";
import { commandLine, TestTerminal } from "./interop/nacre.ts";
import { isAlive, type Served, useServeFolder } from "./interop/serve-support.ts";
import { FakeServer, FakeTerminal, temporaryFolder } from "./support.ts";

/*
 * Rows of the attack suite that need processes and terminals. The other rows are in packages/protocol/test/attacks.
 */

const folder = useServeFolder({ terminals: true });

const files = vi.hoisted(() => ({ afterStat: (): void => {} }));
vi.mock(import("node:fs"), async (importOriginal) => {
  const fs = await importOriginal();
  const statSync = (...parameters: Parameters<typeof fs.statSync>): unknown => {
    const stats = fs.statSync(...parameters);
    files.afterStat();
    return stats;
  };
  return { ...fs, statSync } as typeof fs;
});

async function login({ port }: Served): Promise<Client> {
  const user = userInfo().username;
  const options = { host: "127.0.0.1", port, user, identities: [folder.key], agent: false, hostKey: () => true };
  const client = await connect(options);
  onTestFinished(() => client.close());
  return client;
}

/** Starts a command that prints one line and keeps running. Resolves with the line. */
async function begin(client: Client, command: string, pty: boolean): Promise<string> {
  const { stdout, exit } = await client.spawn(command, { pty });
  // Rejects when the server or the test kills the command.
  exit.catch(() => {});
  stdout.on("error", () => {});
  return firstLine(stdout);
}

test("descriptors · server", async () => {
  const through = ["bash", "-c", 'exec 100</dev/zero; exec "$@"', "bash"];
  const client = await login(await folder.serve({ through }));
  expect(await begin(client, "tty; exec sleep 1000", true)).toMatch(/^\/dev\//);
  for (const pty of [false, true]) {
    // `; true` keeps the shell from replacing itself with `ls`.
    const { stdout } = await client.exec("ls /proc/$$/fd; true", { pty });
    expect({ pty, descriptors: stdout.split(/\s+/).filter(Boolean) }).toEqual({ pty, descriptors: ["0", "1", "2"] });
  }
});

/** Shell command that ignores signals; the program it execs ignores them too. */
const STUBBORN = "trap '' HUP INT TERM; echo $$; exec sleep 60";
const INNER = `sh -c "${STUBBORN.replace("$$", "\\$\\$")}"`;
const COMMANDS: Readonly<Record<string, readonly [command: string, pty: boolean]>> = {
  command: [STUBBORN, false],
  terminal: [STUBBORN, true],
  "child in another Unix session": [`setsid ${INNER} & wait`, false],
  "orphan in the process group": [`(${INNER} &); exec cat`, false],
};

/** Runs the commands on a server, sends the signals to it, and expects all processes to end. */
async function stopBy(signals: readonly NodeJS.Signals[], served: Served): Promise<void> {
  const client = await login(served);
  const processes: { readonly kind: string; readonly pid: number }[] = [];
  onTestFinished(() => {
    for (const { pid } of processes) if (isAlive(pid)) process.kill(pid, "SIGKILL");
  });
  for (const [kind, [command, pty]] of Object.entries(COMMANDS)) {
    const line = await begin(client, command, pty);
    expect(line).toMatch(/^\d+$/);
    processes.push({ kind, pid: Number(line) });
  }
  const living = (): string[] => processes.filter(({ pid }) => isAlive(pid)).map(({ kind }) => kind);
  expect(living()).toEqual(Object.keys(COMMANDS));
  for (const signal of signals) {
    served.kill(signal);
    await served.until(({ event }) => event === "stopping").catch(() => {});
  }
  expect(await served.closed).toBe(0);
  await expect.poll(living, { timeout: 20_000 }).toEqual([]);
}

test("signals · server", async () => {
  // One signal sends SIGHUP after the grace period; a second one sends SIGKILL immediately.
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    for (const [count, end] of [
      [1, "SIGHUP"],
      [2, "SIGKILL"],
    ] as const) {
      const child = spawn("sleep", ["1000"], { detached: true, stdio: "ignore" });
      onTestFinished(() => void child.kill("SIGKILL"));
      const exit = once(child, "exit");
      const server = new FakeServer();
      const running = { processes: new Set([child.pid!]), sessions: new Set([exit]) };
      const stopped = untilStopped(server, running, () => {}, 100);
      for (let i = 0; i < count; i++) process.emit(signal, signal);
      await stopped;
      // Only now: a busy machine may report the end of the process after the server has closed.
      expect(await Promise.race([exit, after(10_000)])).toEqual([null, end]);
    }

  const stops: Promise<void>[] = [];
  for (const signals of [["SIGHUP"], ["SIGINT", "SIGINT"], ["SIGTERM", "SIGTERM"]] as const)
    stops.push(stopBy(signals, await folder.serve()));
  await Promise.all(stops);
}, 120_000);

const quoted = (words: readonly string[]): string =>
  words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");

test("type-ahead · client", async () => {
  const passwords: (string | undefined)[] = [];
  let wake!: () => void;
  const asked = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const server = await listen({
    port: 0,
    hostKeys: [generateEd25519((length) => new Uint8Array(length).fill(7))],
    methods: ["password"],
    authenticate: (login) => {
      if (login.method !== "password") return false;
      passwords.push(login.password);
      wake();
      return login.password === "secret";
    },
    session: () => 0,
  });
  onTestFinished(() => server.close());
  const home = await temporaryFolder();
  const known = join(home, "known");
  const words = ["-p", `${server.address.port}`, "--known-hosts", known, "alice@127.0.0.1", "true"];
  const terminal = new TestTerminal(`export NACRE_TEST_HOME='${home}'; read go; ${quoted(commandLine(words))}`);

  // Type one line and part of another before the question appears.
  terminal.type("go\ryes\rye");
  await terminal.until("yes\r\nye");
  await terminal.until("(yes/no/[fingerprint])? ");
  terminal.type("s\r");
  expect(await terminal.until(": ")).toBe("s\r\nPlease type 'yes', 'no' or the fingerprint");
  expect(existsSync(known)).toBe(false);
  terminal.type("yes\rnot the password\r");
  expect(await terminal.until("Warning: Permanently added")).toBe("yes\r\n");
  await terminal.until("alice@127.0.0.1's password: ");
  terminal.type("secret\r");
  await asked;
  expect(passwords).toEqual(["secret"]);
  expect(await terminal.closed).toBe(0);

  // Early input is discarded in every buffer: the system's, the stream's, after the previous answer, and as half a character.
  const fake = new FakeTerminal("no\ryes\r", "no\r", "no\r");
  fake.waiting = "yes\r";
  fake.unread = Buffer.from("yes\r");
  for (let questions = 1; questions <= 3; questions++) {
    expect(await fake.terminal.ask("Really? ", { echo: true })).toBe("no");
    fake.unread = Buffer.of(0xc3);
  }
  const split = new FakeTerminal();
  const first = split.terminal.ask("", { echo: true });
  split.emit("data", Buffer.from([0x31, 0x0d, 0xc3]));
  expect(await first).toBe("1");
  const second = split.terminal.ask("", { echo: true });
  split.emit("data", Buffer.from("2\r"));
  expect(await second).toBe("2");
});

const modeOf = (path: string): number => statSync(path).mode & 0o777;

test("special files: key log · client", async () => {
  const terminal = new TestTerminal("tty; read gone");
  const device = (await terminal.until("\r\n")).trim();
  onTestFinished(() => terminal.type("\r"));
  const folder = await temporaryFolder();
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", ["-m", "644", pipe]);
  const links = [device, pipe].map((target, i) => {
    const link = join(folder, `link-${i}`);
    symlinkSync(target, link);
    return link;
  });
  const refused = expect.objectContaining({
    code: "file-unreadable",
    message: expect.stringContaining("not a regular file") as string,
  });
  chmodSync(device, 0o620);
  for (const path of [device, pipe, ...links]) expect(() => openKeyLog(path)).toThrow(refused);

  // The device replaces a regular file between the check and the opening.
  const swapped = join(folder, "swapped");
  writeFileSync(swapped, "");
  files.afterStat = () => {
    files.afterStat = () => {};
    rmSync(swapped);
    symlinkSync(device, swapped);
  };
  expect(() => openKeyLog(swapped)).toThrow(refused);
  expect([modeOf(device), modeOf(pipe)]).toEqual([0o620, 0o644]);
});
