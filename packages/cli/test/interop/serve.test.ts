import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { type Client, connect } from "@nacre/node";
import { firstLine } from "@nacre/testing/first-line";
import { must } from "@nacre/testing/openssh/run";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Ended, start, TestTerminal } from "./nacre.ts";
import { isAlive, quiet, run, type Served, untilDead, useServeFolder } from "./serve-support.ts";
import { quoted } from "./sshd-login.ts";

const { username: USER } = userInfo();
const MIB = 2 ** 20;

const folder = useServeFolder({ terminals: true });

/** Connects Nacre's client, for requests that ssh(1) cannot send. */
async function client(served: Served): Promise<Client> {
  return connect({
    host: "127.0.0.1",
    port: served.port,
    user: USER,
    identities: [folder.key],
    agent: false,
    knownHosts: join(folder.path, "known_hosts"),
  });
}

describe("commands over ssh", () => {
  test("run in the user's shell and home folder, with a clean environment, and return their status", async () => {
    const served = await folder.serve();
    const words = ["-o", "SetEnv=LANG=C.UTF-8 LC_TIME=C LD_PRELOAD=/x"];
    const ran = await run([...folder.ssh(served, words), "pwd; env; echo err >&2; exit 3"]);
    expect(ran.status).toBe(3);
    expect(ran.stderr).toBe("err\n");
    const [cwd, ...lines] = ran.stdout.toString().trimEnd().split("\n");
    expect(cwd).toBe(folder.home);
    expect(lines).toEqual(
      expect.arrayContaining([`USER=${USER}`, `LOGNAME=${USER}`, `HOME=${folder.home}`, "LANG=C.UTF-8", "LC_TIME=C"]),
    );
    expect(
      lines.some((line) => line.startsWith(`SSH_CONNECTION=127.0.0.1 `) && line.endsWith(` 127.0.0.1 ${served.port}`)),
    ).toBe(true);
    expect(lines.filter((line) => /^(LD_PRELOAD|SSH_AUTH_SOCK|VITEST|NODE_|npm_)/.test(line))).toEqual([]);
    expect(await served.until(({ event }) => event === "request-refused")).toMatchObject({ request: "env LD_PRELOAD" });
    expect(await served.until(({ event }) => event === "session-ended")).toMatchObject({
      session: 0,
      exit: { status: 3 },
    });
  });

  test("receive all input and deliver all output", async () => {
    const served = await folder.serve();
    const bytes = randomBytes(16 * MIB);
    const { stdout, stderr, status } = await run([...folder.ssh(served), "cat"], bytes);
    expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
    expect(stdout.equals(bytes)).toBe(true);
  });

  test("may close their input or end without reading it", async () => {
    const served = await folder.serve();
    const bytes = randomBytes(4 * MIB);
    expect(await run([...folder.ssh(served), "exit 4"], bytes)).toMatchObject({ status: 4, stderr: "" });
    expect((await run([...folder.ssh(served), "exec <&-; echo on; exit 5"], bytes)).status).toBe(5);
  });

  test("run a shell that reads standard input, if no command is given", async () => {
    const served = await folder.serve();
    const { stdout, status } = await run(folder.ssh(served, ["-T"]), "echo $((40 + 2)); exit 6\n");
    expect(stdout.toString()).toContain("42\n");
    expect(status).toBe(6);
  });

  test("report the signal that ended them", async () => {
    const served = await folder.serve();
    await using connection = await client(served);
    expect(await (await connection.spawn("kill -TERM $$")).exit).toMatchObject({ status: undefined, signal: "TERM" });
  });

  test("receive the client's signals, as do their child processes", async () => {
    const served = await folder.serve();
    await using connection = await client(served);
    // The outer trap is set first, so that both are when the inner shell is ready.
    const command = `trap 'wait; echo outer; exit 9' USR1; sh -c 'trap "echo inner; exit" USR1; echo ready; ${folder.loop}' & wait`;
    const remote = await connection.spawn(command);
    expect(await firstLine(remote.stdout)).toBe("ready");
    remote.kill("USR1");
    let shown = "";
    remote.stdout.on("data", (chunk: Buffer) => {
      shown += chunk.toString();
    });
    expect(await remote.exit).toMatchObject({ status: 9 });
    expect(shown).toBe("inner\nouter\n");
  });

  test("get SIGHUP when the client is gone, then SIGKILL", async () => {
    const served = await folder.serve();
    const mark = join(folder.path, "hung-up");
    for (const [command, isMarked] of [
      [`trap 'echo > ${mark}; exit' HUP; echo $$; ${folder.loop}`, true],
      [`trap '' HUP; echo $$; ${folder.loop}`, false],
    ] as const) {
      const child = start([...folder.ssh(served), command]);
      const pid = Number(await firstLine(child.stdout));
      expect(isAlive(pid)).toBe(true);
      child.kill("SIGKILL");
      const told = await served.until(({ event }) => event === "session-ended");
      expect(told).not.toHaveProperty("exit");
      await untilDead(pid);
      if (isMarked) expect(existsSync(mark)).toBe(true);
    }
  });
});

describe("a terminal", () => {
  test("is opened for -tt and named by SSH_TTY", async () => {
    const served = await folder.serve();
    const { stdout, status } = await run([
      ...folder.ssh(served, ["-tt"]),
      'tty; echo "$SSH_TTY"; echo err >&2; exit 6',
    ]);
    expect(stdout.toString()).toMatch(/^(\/dev\/\S+)\r\n\1\r\nerr\r\n$/);
    expect(status).toBe(6);
  });

  test("has the client's modes and size, follows changes of the size, and passes keys on", async () => {
    const served = await folder.serve();
    const terminal = new TestTerminal(
      `stty rows 40 cols 100 erase ^H -ixon; tty; ${quoted(folder.ssh(served, ["-t"]))} sh; echo "status $?"`,
    );
    const device = (await terminal.until("\r\n")).trim();
    await terminal.until("# ");
    terminal.type("PS1=; echo be''gin; stty size; stty -a\r");
    await terminal.until("begin\r\n");
    const shown = await terminal.until("echoke");
    expect(shown).toMatch(/^40 100\r\n/);
    expect(shown).toMatch(/erase = \^H;/);
    expect(shown).toMatch(/[ \n]-ixon /);
    await must(["stty", "-F", device, "rows", "50", "cols", "132"]);
    terminal.type("while [ \"$(stty size)\" != '50 132' ]; do sleep 0.05; done; echo resi''zed\r");
    await terminal.until("resized\r\n");
    // Printed by the program that gets the signal: the shell may still be about to start another one.
    terminal.type("sh -c \"echo sleep''ing; exec sleep 1000\"\r");
    await terminal.until("sleeping\r\n");
    terminal.type("\x03");
    terminal.type("echo $((40 + 2))\r");
    await terminal.until("42\r\n");
    terminal.type("exit 7\r");
    await terminal.until("status 7\r\n");
    expect(await terminal.closed).toBe(0);
  });

  test("keeps the last output for a client that reads late", async () => {
    const served = await folder.serve();
    await using connection = await client(served);
    // More than the client's window, but little enough for the program to end while the client does not read.
    const done = join(folder.path, "done");
    const lines = Math.floor((2 * MIB + 20_000) / 8);
    const remote = await connection.spawn(`seq -f %06g 1 ${lines}; echo last; touch ${done}`, { pty: { modes: {} } });
    while (!existsSync(done)) await after(50);
    // By now node-pty tries to close the terminal.
    await after(500);
    let length = 0;
    let tail = "";
    remote.stdout.on("data", (chunk: Buffer) => {
      length += chunk.length;
      tail = (tail + chunk.toString()).slice(-100);
    });
    await once(remote.stdout, "end");
    expect(await remote.exit).toEqual({ status: 0, signal: undefined, coreDumped: false });
    expect(tail).toMatch(/last\r\n$/);
    expect(length).toBe(lines * 8 + "last\r\n".length);
  });

  test("keeps output that is printed while the server is too busy to read", async () => {
    const served = await folder.serve();
    await using connection = await client(served);
    const [begun, done] = [join(folder.path, "begun"), join(folder.path, "printed")];
    // As much as the system buffers for a terminal, and more than one read returns. Then no process has the terminal open.
    const program = `echo first; touch ${begun}; sleep 0.3; seq -f %06g 1 1800; echo last; touch ${done}`;
    const remote = await connection.spawn(program, { pty: { modes: {} } });
    let text = "";
    remote.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    await once(remote.stdout, "data");
    while (!existsSync(begun)) await after(10);
    served.kill("SIGSTOP");
    while (!existsSync(done)) await after(10);
    await after(100);
    served.kill("SIGCONT");
    await once(remote.stdout, "end");
    expect(await remote.exit).toEqual({ status: 0, signal: undefined, coreDumped: false });
    const lines = Array.from({ length: 1800 }, (_, i) => `${i + 1}`.padStart(6, "0"));
    expect(text.split("\r\n")).toEqual(["first", ...lines, "last", ""]);
  });

  test("is closed when the client is gone, which hangs up its program", async () => {
    const served = await folder.serve();
    const child = start([...folder.ssh(served, ["-tt"]), "echo $$; exec sleep 1000"]);
    const pid = Number(await firstLine(child.stdout));
    child.kill("SIGKILL");
    await served.until(({ event }) => event === "session-ended");
    await untilDead(pid);
  });
});

test("a terminal accepts all input, even while its program prints without reading", async () => {
  const served = await folder.serve();
  const program = 'stty -echo; sleep 0.5; seq 20000; echo "read $(head -n 30000 | wc -l)"';
  const { status, stdout } = await run([...folder.ssh(served, ["-tt"]), program], "y\n".repeat(30_000));
  expect(stdout.toString()).toMatch(/\n20000\r\nread 30000\r\n$/);
  expect(status).toBe(0);
});

test("the host process of a terminal is killed if it does not end after its client is gone", async () => {
  const served = await folder.serve();
  const child = start([...folder.ssh(served, ["-tt"]), "echo $PPID; exec sleep 1000"]);
  const host = Number(await firstLine(child.stdout));
  expect(host).toBeGreaterThan(1);
  onTestFinished(() => {
    if (isAlive(host)) process.kill(host, "SIGKILL");
  });
  process.kill(host, "SIGSTOP");
  child.kill("SIGKILL");
  expect(await served.until(({ event }) => event === "session-ended")).not.toHaveProperty("exit");
  await untilDead(host);
});

test("a terminal is closed when the client is gone, even for processes that no signal reaches", async () => {
  const served = await folder.serve();
  const mark = join(folder.path, "closed");
  // The reader runs in another Unix session. The first process ignores SIGHUP until it is killed, and still runs when the terminal closes.
  const reader = `setsid sh -c 'echo begun; cat; kill -0 $0 && echo > ${mark}' $$ <"$SSH_TTY" &`;
  const child = start([...folder.ssh(served, ["-tt"]), `trap "" HUP; ${reader} ${folder.loop}`]);
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await served.until(({ event }) => event === "session-ended");
  await expect.poll(() => existsSync(mark), { timeout: 20_000 }).toBe(true);
});

test("many sessions share one connection (ControlMaster)", async () => {
  const served = await folder.serve();
  const socket = join(folder.path, "control");
  const share = ["-o", `ControlPath=${socket}`];
  await quiet(folder.ssh(served, [...share, "-M", "-N", "-f"]));
  const bytes = randomBytes(MIB);
  const results: Ended[] = await Promise.all(
    [1, 2, 3, 4, 5].map((status) => run([...folder.ssh(served, share), `cat; exit ${status}`], bytes)),
  );
  expect(results.map(({ status }) => status)).toEqual([1, 2, 3, 4, 5]);
  for (const { stdout } of results) expect(stdout.equals(bytes)).toBe(true);
  await run(folder.ssh(served, [...share, "-O", "exit"]));
  await served.until(({ event }) => event === "closed");
  expect(served.told.filter(({ event }) => event === "connected")).toHaveLength(1);
  expect(
    new Set(served.told.filter(({ event }) => event === "session-started").map(({ connection }) => connection)),
  ).toEqual(new Set([1]));
});

describe("authorized_keys", () => {
  test("a forced command replaces every request and receives the original; no-pty refuses a terminal", async () => {
    const authorizedKeys = `command="echo forced: $SSH_ORIGINAL_COMMAND; echo $GREETING",no-pty,environment="GREETING=hello" ${folder.keyLine}`;
    const served = await folder.serve({ authorizedKeys, words: ["--permit-user-environment"] });
    expect(await quiet([...folder.ssh(served), "rm -rf /"])).toBe("forced: rm -rf /\nhello\n");
    expect(await quiet([...folder.ssh(served, ["-s"]), "sftp"])).toBe("forced: sftp\nhello\n");
    expect((await run([...folder.ssh(served, ["-tt"]), "true"])).stderr).toMatch(/PTY allocation request failed/);
  });

  test("a forced command also replaces a subsystem, except with --no-exec", async () => {
    const authorizedKeys = `command="echo forced: $SSH_ORIGINAL_COMMAND" ${folder.keyLine}`;
    const words = ["--subsystem", "own=echo the subsystem"];
    const served = await folder.serve({ authorizedKeys, words });
    expect(await quiet([...folder.ssh(served, ["-s"]), "own"])).toBe("forced: own\n");
    expect(await quiet([...folder.ssh(served, ["-s"]), "none"])).toBe("forced: none\n");

    const withoutExec = await folder.serve({ authorizedKeys, words: [...words, "--no-exec"] });
    const { status, stdout } = await run([...folder.ssh(withoutExec, ["-s"]), "own"]);
    expect({ status, stdout: stdout.toString() }).toEqual({ status: 255, stdout: "" });
    expect(await withoutExec.until(({ event }) => event === "request-refused")).toMatchObject({
      request: "subsystem own",
    });
  });

  test.each<[string, string, (connection: Client) => ReturnType<Client["spawn"]>]>([
    ["forced command", 'command="TRAP" ', (connection) => connection.spawn("true")],
    ["subsystem", "", (connection) => connection.subsystem("own")],
  ])("a %s gets no signals of the client", async (_, option, begin) => {
    const command = "trap 'echo interrupted' INT; echo ready; read line; echo $line";
    const served = await folder.serve({
      authorizedKeys: `${option.replace("TRAP", () => command)}${folder.keyLine}`,
      words: ["--subsystem", `own=${command}`],
    });
    await using connection = await client(served);
    const remote = await begin(connection);
    expect(await firstLine(remote.stdout)).toBe("ready");
    let shown = "";
    remote.stdout.on("data", (chunk: Buffer) => {
      shown += chunk.toString();
    });
    remote.kill("INT");
    remote.stdin.end("whole\n");
    expect(await remote.exit).toMatchObject({ status: 0 });
    expect(shown).toBe("whole\n");
  });

  test("environment= is ignored unless permitted, because it could make a shell run other code", async () => {
    const authorizedKeys = `environment="BASH_ENV=/tmp/uploaded",environment="LD_PRELOAD=/tmp/uploaded.so" ${folder.keyLine}`;
    const served = await folder.serve({ authorizedKeys, words: ["--no-exec", "--subsystem", "env=env"] });
    const environment = await quiet([...folder.ssh(served, ["-s"]), "env"]);
    expect(environment).toMatch(/^SSH_CONNECTION=/m);
    expect(environment).not.toMatch(/BASH_ENV|LD_PRELOAD/);
    expect(await served.until(({ event }) => event === "note")).toMatchObject({
      text: expect.stringMatching(/does not set BASH_ENV: `permitUserEnvironment` does not permit it$/) as string,
    });
  });

  test("a key with a non-matching from=, an expired time or an unknown option is refused; the log states why", async () => {
    for (const [options, reason] of [
      ['from="192.0.2.1"', /its `from` option does not match the client's address \(127\.0\.0\.1\)/],
      ['expiry-time="20200101"', /its `expiry-time` has passed/],
      ["no-such-option", /no-such-option/],
    ] as const) {
      const served = await folder.serve({ authorizedKeys: `${options} ${folder.keyLine}` });
      const ran = await run([...folder.ssh(served), "true"]);
      expect(ran).toMatchObject({ status: 255, stderr: `${USER}@127.0.0.1: Permission denied (publickey).\r\n` });
      const told = await served.until(({ event, text }) => event === "note" && reason.test(text as string));
      expect(told.text).toContain("authorized_keys_");
    }
  });
});
