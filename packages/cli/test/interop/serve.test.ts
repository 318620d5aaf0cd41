import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { type Client, connect } from "@nacre/node";
import { firstLine } from "@nacre/testing/first-line";
import { securityKeyProvider } from "@nacre/testing/interop/security-key";
import { must } from "@nacre/testing/openssh/run";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { commandLine, type Ended, start, TestTerminal } from "./nacre.ts";
import { isAlive, run, type Served, untilDead, useServeFolder } from "./serve-support.ts";

const { username: USER } = userInfo();
const MIB = 2 ** 20;

/** Runs a command that must succeed without output on standard error. Resolves with its standard output. */
async function quiet(words: readonly string[], input?: string | Uint8Array): Promise<string> {
  const { status, stdout, stderr } = await run(words, input);
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return stdout.toString();
}

function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
}

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

/** Runs OpenSSH's sftp with a batch of commands. */
async function sftp(served: Served, batch: string): Promise<Ended> {
  const [, ...words] = folder.ssh(served);
  return run(["sftp", "-q", "-b", "-", ...words.map((word) => (word === "-p" ? "-P" : word))], batch);
}

/** Runs git over ssh, ignoring this machine's configuration. */
async function git(served: Served, cwd: string, ...words: string[]): Promise<Ended> {
  const [, ...ssh] = folder.ssh(served).slice(0, -1);
  const environment = [
    `GIT_SSH_COMMAND=ssh ${quoted(ssh)}`,
    "GIT_CONFIG_GLOBAL=/dev/null",
    "GIT_CONFIG_SYSTEM=/dev/null",
    ...["AUTHOR", "COMMITTER"].flatMap((who) => [`GIT_${who}_NAME=Alice`, `GIT_${who}_EMAIL=alice@example.org`]),
  ];
  return run(["env", ...environment, "git", "-C", cwd, ...words]);
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

describe("subsystems", () => {
  test("serve sftp below --sftp-root, even with --no-exec", async () => {
    const bytes = randomBytes(2 * MIB);
    writeFileSync(join(folder.path, "up"), bytes);
    const there = join(folder.path, "there");
    const served = await folder.serve({ words: ["--no-exec", "--sftp-root", "/"] });
    const { status, stderr } = await sftp(served, `put ${folder.path}/up ${there}\nget ${there} ${folder.path}/down\n`);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(readFileSync(join(folder.path, "down")).equals(bytes)).toBe(true);
    const command = await run([...folder.ssh(served), "true"]);
    expect(command.stderr).toBe("this server runs no commands; use SFTP or scp\n");
    expect(command.status).toBe(1);
  });

  test("run the commands given with --subsystem, and refuse others", async () => {
    const served = await folder.serve({ words: ["--subsystem", "digest=sha256sum", "--subsystem", "sftp="] });
    expect(await quiet([...folder.ssh(served, ["-s"]), "digest"], "abc")).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  -\n",
    );
    const { status, stderr } = await sftp(served, "pwd\n");
    expect(stderr).toMatch(/Connection closed/);
    expect(status).not.toBe(0);
    expect(await served.until(({ event }) => event === "request-refused")).toMatchObject({ request: "subsystem sftp" });
  });
});

describe("forwarding", () => {
  test("is refused unless the server is started with --allow-forwarding", async () => {
    const served = await folder.serve();
    const { status, stderr } = await run(folder.ssh(served, ["-W", `127.0.0.1:${served.port}`]));
    expect(status).toBe(255);
    expect(stderr).toMatch(/administratively prohibited/);
    expect(await served.until(({ event }) => event === "request-refused")).toMatchObject({ request: "direct-tcpip" });
  });

  test("reaches this machine by -L without more options", async () => {
    const served = await folder.serve({ words: ["--allow-forwarding"] });
    // The target is the server itself, so its identification string comes back.
    for (const host of ["127.0.0.1", "localhost"]) {
      const onward = await run(folder.ssh(served, ["-W", `${host}:${served.port}`]));
      expect(onward.stdout.toString()).toMatch(/^SSH-2\.0-/);
    }
    const link = await run(folder.ssh(served, ["-W", "169.254.169.254:80"]));
    expect(link.stderr).toMatch(/administratively prohibited/);
  });

  test.each([
    ["--no-exec", undefined],
    ["a forced command", 'command="true" '],
  ])("reaches named destinations, but not this machine by a * host with %s", async (_, forced = "") => {
    const words = ["--allow-forwarding", "--permit-open", "localhost:*", "--permit-open", "*:*"];
    const served = await folder.serve({
      words: forced === "" ? ["--no-exec", ...words] : words,
      authorizedKeys: `${forced}${folder.keyLine}`,
    });
    // The target is the server itself, so its identification string comes back.
    const onward = await run(folder.ssh(served, ["-W", `localhost:${served.port}`]));
    expect(onward.stdout.toString()).toMatch(/^SSH-2\.0-/);
    const refused = await run(folder.ssh(served, ["-W", `127.0.0.1:${served.port}`]));
    expect(refused.stderr).toMatch(/administratively prohibited/);
    expect(await served.until(({ event }) => event === "request-refused")).toMatchObject({
      request: `direct-tcpip 127.0.0.1:${served.port}`,
      error: { code: "forward-denied" },
    });
  });

  test("is refused at the start for an invalid --permit-open", async () => {
    const { status, stderr } = await run(commandLine(["serve", "--allow-forwarding", "--permit-open", "localhost"]));
    expect(status).toBe(255);
    expect(stderr).toMatch(/invalid place localhost in `permitOpen`/);
  });
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

test("certificates log in by the files of authorities and principals; the host has one, too, and the log names the user's", async () => {
  const at = (name: string): string => join(folder.path, name);
  for (const name of ["authority", "certified"])
    await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", at(name)]);
  // Makes the host key.
  await folder.serve();
  const sign = ["ssh-keygen", "-q", "-s", at("authority"), "-I"];
  await must([...sign, "a host", "-h", "-n", "127.0.0.1", at("host_key.pub")]);
  await must([...sign, "a user", "-z", "7", "-n", "ops", at("certified.pub")]);
  writeFileSync(at(`principals-${USER}`), "ops\n", { mode: 0o600 });
  writeFileSync(at("revoked"), "", { mode: 0o600 });
  const served = await folder.serve({
    authorizedKeys: "",
    words: [
      "--host-certificate",
      at("host_key-cert.pub"),
      "--trusted-user-ca-keys",
      at("authority.pub"),
      "--authorized-principals-file",
      at("principals-%u"),
      "--revoked-keys",
      at("revoked"),
    ],
  });
  writeFileSync(at("known_hosts"), `@cert-authority * ${readFileSync(at("authority.pub"), "utf8")}`);
  expect(await quiet([...folder.ssh(served, [], at("certified")), "echo in"])).toBe("in\n");
  const login = await served.until(({ event }) => event === "login");
  expect(login).toMatchObject({
    factors: [{ method: "certificate", certificate: { keyId: "a user", serial: "7", principals: ["ops"] } }],
  });
  writeFileSync(at("revoked"), readFileSync(at("authority.pub")), { mode: 0o600 });
  const refused = await run([...folder.ssh(served, [], at("certified")), "echo in"]);
  expect(refused.stderr).toMatch(/Permission denied \(publickey\)/);
});

test("with --verify-required a security key logs in only if it verified its user; other keys as without", async () => {
  const provider = await securityKeyProvider(folder);
  const touched = await provider.makeKey("touched", "ed25519-sk");
  const verified = await provider.makeKey("verified", "ed25519-sk", ["verify-required"]);
  const authorizedKeys = [folder.keyLine, touched.publicKeyLine, verified.publicKeyLine].join("\n");
  const statuses = async (words: readonly string[]): Promise<(number | null)[]> => {
    const served = await folder.serve({ authorizedKeys, words });
    const provided = ["-o", `SecurityKeyProvider=${provider.path}`];
    const ran = [];
    for (const key of [folder.key, touched.path, verified.path])
      ran.push((await run([...folder.ssh(served, provided, key), "true"])).status);
    return ran;
  };
  expect(await statuses([])).toEqual([0, 0, 0]);
  expect(await statuses(["--verify-required"])).toEqual([0, 255, 0]);
});

test("nacre prints the banner escaped", async () => {
  const served = await folder.serve({ words: ["--banner", "Wel\x1b[2Jcome\u202e\nto this"] });
  const known = ["--known-hosts", join(folder.path, "known_hosts"), "-i", folder.key];
  const { status, stdout, stderr } = await run(
    commandLine(["-p", `${served.port}`, ...known, `${USER}@127.0.0.1`, "echo in"]),
  );
  expect({ status, stdout: stdout.toString(), stderr }).toEqual({
    status: 0,
    stdout: "in\n",
    stderr: "Wel\\x1b[2Jcome\\u{202e}\nto this\n",
  });
});

describe("git", () => {
  let repository = "";
  beforeAll(async () => {
    repository = join(folder.path, "repository.git");
    await must(["git", "init", "-q", "--bare", "-b", "main", repository]);
  });

  test("clones and pushes; a key limited to git-upload-pack clones but cannot push", async () => {
    const served = await folder.serve();
    const url = `ssh://${USER}@127.0.0.1:${served.port}${repository}`;
    const work = join(folder.path, "work");
    expect((await git(served, folder.path, "clone", "-q", url, work)).status).toBe(0);
    await mkdir(join(work, "files"));
    for (let i = 0; i < 50; i++) writeFileSync(join(work, "files", `${i}`), randomBytes(50_000));
    for (const words of [
      ["checkout", "-q", "-b", "main"],
      ["add", "."],
      ["commit", "-q", "-m", "fifty files"],
    ])
      expect((await git(served, work, ...words)).status).toBe(0);
    const push = await git(served, work, "push", "-q", "origin", "main");
    expect({ status: push.status, stderr: push.stderr }).toEqual({ status: 0, stderr: "" });
    expect(served.told.filter(({ event }) => event === "session-started").map(({ command }) => command)).toEqual([
      `git-upload-pack '${repository}'`,
      `git-receive-pack '${repository}'`,
    ]);

    const reader = await folder.serve({
      authorizedKeys: `restrict,command="git-upload-pack '${repository}'" ${folder.keyLine}`,
    });
    const readerUrl = `ssh://${USER}@127.0.0.1:${reader.port}/whatever`;
    const copy = join(folder.path, "copy");
    expect((await git(reader, folder.path, "clone", "-q", readerUrl, copy)).status).toBe(0);
    const heads = await Promise.all([work, copy].map((cwd) => git(reader, cwd, "rev-parse", "HEAD^{tree}")));
    expect(heads[1]!.stdout.toString()).toBe(heads[0]!.stdout.toString());
    expect((await git(reader, copy, "fsck", "--strict")).status).toBe(0);
    expect((await git(reader, copy, "commit", "-q", "--allow-empty", "-m", "one more")).status).toBe(0);
    expect((await git(reader, copy, "push", "-q", "origin", "HEAD:main")).status).not.toBe(0);
    expect((await must(["git", "-C", repository, "log", "--format=%s", "main"])).trimEnd()).toBe("fifty files");
  });
});

describe("--user", () => {
  test("lets a name without an account log in; commands run as the user who started the server", async () => {
    const served = await folder.serve({ words: ["--user", "deploy-somewhere"] });
    const words = folder.ssh(served).slice(0, -1);
    expect(await quiet([...words, "deploy-somewhere@127.0.0.1", "id -un"])).toBe(`${USER}\n`);
    const ran = await run([...folder.ssh(served), "true"]);
    expect(ran.stderr).toBe(`${USER}@127.0.0.1: Permission denied (publickey).\r\n`);
  });

  test("refuses another account of this machine at the start", async () => {
    const other = USER === "nobody" ? "root" : "nobody";
    const { status, stderr } = await run(commandLine(["serve", "--port", "0", "--user", other]));
    expect(stderr).toMatch(
      new RegExp(`^nacre: every command runs as ${USER}, so the account "${other}" cannot log in[^\n]+\\[usage\\]\n$`),
    );
    expect(status).toBe(255);
  });
});

describe("starting and stopping", () => {
  test("the first start creates a host key that only its owner can read, and logs its fingerprint as text", async () => {
    const config = join(folder.path, "config");
    const serve = commandLine(["serve", "--port", "0", "--banner", "Welcome."]);
    const words = ["env", `XDG_CONFIG_HOME=${config}`, ...serve, "--authorized-keys", join(folder.path, "key.pub")];
    const seen: string[] = [];
    for (let time = 1; time <= 2; time++) {
      const child = start(words);
      const line = await firstLine(child.stderr);
      expect(line).toMatch(
        new RegExp(
          `^\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z listening on 127\\.0\\.0\\.1 port \\d+ for "${USER}"; host key ssh-ed25519 SHA256:\\S+$`,
        ),
      );
      seen.push(line.slice(line.indexOf("SHA256:")));
      const port = Number(/port (\d+)/.exec(line)![1]);
      const known = ["-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes"];
      const login = ["-F", "/dev/null", ...known, "-i", folder.key, "-o", "IdentitiesOnly=yes", "-p", `${port}`];
      const ran = await run(["ssh", ...login, `${USER}@127.0.0.1`, "echo in"]);
      expect(ran.stdout.toString()).toBe("in\n");
      expect(ran.stderr).toContain("Welcome.\n");
      child.kill("SIGINT");
      const [status] = (await once(child, "close")) as [number | null];
      expect(status).toBe(0);
    }
    const file = join(config, "nacre", "ssh_host_ed25519_key");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const listed = await must(["ssh-keygen", "-l", "-f", file]);
    expect(seen).toEqual([listed.split(" ")[1], listed.split(" ")[1]]);
  });

  test("offers only the named algorithms", async () => {
    const [cipher, mac, kex] = ["aes256-ctr", "hmac-sha2-512", "diffie-hellman-group14-sha256"];
    const served = await folder.serve({ words: ["-c", cipher, "-m", mac, "--kex", kex] });
    const { status, stderr } = await run([...folder.ssh(served, ["-v"]), "true"]);
    expect(status).toBe(0);
    expect(stderr).toContain(`kex: algorithm: ${kex}\r\n`);
    expect(stderr).toContain(`kex: server->client cipher: ${cipher} MAC: ${mac} `);
    const refused = await run([...folder.ssh(served, ["-c", "aes128-ctr"]), "true"]);
    expect(refused.stderr).toMatch(/no matching cipher found\. Their offer: aes256-ctr\r?\n/);
    const unknown = await run(commandLine(["serve", "--kex", "none-such"]));
    expect(unknown.stderr).toMatch(
      /^nacre: unknown key exchange method "none-such"; expected one of [^\n]* \[usage\]\n$/,
    );
  });

  test("offers several host keys of different types", async () => {
    const other = join(folder.path, "host_rsa");
    await must(["ssh-keygen", "-q", "-t", "rsa", "-b", "3072", "-N", "", "-f", other]);
    const served = await folder.serve({ words: ["--host-key", other] });
    const scanned = await run([
      "ssh-keyscan",
      "-q",
      "-T",
      "10",
      "-t",
      "rsa,ed25519",
      "-p",
      `${served.port}`,
      "127.0.0.1",
    ]);
    const files = await Promise.all(
      [other, join(folder.path, "host_key")].map((file) => readFile(`${file}.pub`, "utf8")),
    );
    for (const line of files) expect(scanned.stdout.toString()).toContain(line.split(" ").slice(0, 2).join(" "));
  });

  test("reports a port in use in one line", async () => {
    const served = await folder.serve();
    const words = ["serve", "--port", `${served.port}`, "--host-key", join(folder.path, "host_key")];
    const { status, stderr } = await run(commandLine(words));
    expect(stderr).toMatch(
      /^nacre: cannot listen on 127\.0\.0\.1 port \d+: the port is in use[^\n]*\[listen-failed\]\n$/,
    );
    expect(status).toBe(255);
  });

  test("logs twenty silent connections a minute, then counts them", async () => {
    // The per-source limits would refuse some of the connections.
    const served = await folder.serve({ words: ["--no-per-source"] });
    for (let i = 0; i < 25; i++) {
      const socket = connectSocket(served.port, "127.0.0.1");
      await once(socket, "data");
      socket.destroy();
    }
    served.kill("SIGTERM");
    expect(await served.until(({ event }) => event === "repeated")).toMatchObject({
      count: 5,
      text: "127.0.0.1 connected",
    });
    expect(await served.closed).toBe(0);
    expect(served.told.filter(({ event }) => event === "connected")).toHaveLength(20);
    expect(served.told.at(-1)).toMatchObject({ event: "stopped" });
  });

  test("reports an unknown host name to listen on in one line", async () => {
    const words = ["serve", "--listen", "nosuch.invalid", "--host-key", join(folder.path, "host_key")];
    const { status, stderr } = await run(commandLine(words));
    // The second message appears on machines without a DNS server.
    expect(stderr).toMatch(
      /^nacre: cannot listen on nosuch\.invalid port 2222: (host name not found|host name lookup failed; check the network connection) \[listen-failed\]\n$/,
    );
    expect(status).toBe(255);
  });

  test("notes a missing authorized_keys file at the start, and uses it once it exists", async () => {
    const file = join(folder.path, "keys created later");
    const served = await folder.serve({ words: ["--authorized-keys", file] });
    expect(await served.until(({ event }) => event === "note")).toMatchObject({
      text: `${file} does not exist; create it to let clients log in`,
    });
    writeFileSync(file, `${folder.keyLine}\n`, { mode: 0o600 });
    expect(await quiet([...folder.ssh(served), "echo in"])).toBe("in\n");
    expect((await folder.serve()).told.filter(({ event }) => event === "note")).toEqual([]);
  });

  test("the first SIGTERM lets sessions end and refuses new connections", async () => {
    const served = await folder.serve();
    const child = start([...folder.ssh(served), "echo begun; read line; echo $line; exit 8"]);
    await firstLine(child.stdout);
    served.kill("SIGTERM");
    expect(await served.until(({ event }) => event === "stopping")).toMatchObject({ signal: "SIGTERM", sessions: 1 });
    const socket = connectSocket(served.port, "127.0.0.1");
    const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
    // ECONNRESET if the connection was accepted just before the listener closed.
    expect(["ECONNREFUSED", "ECONNRESET"]).toContain(error.code);
    const ended = once(child, "close") as Promise<[number | null]>;
    let shown = "";
    child.stdout.on("data", (chunk: Buffer) => {
      shown += chunk.toString();
    });
    child.stdin.end("the end\n");
    expect((await ended)[0]).toBe(8);
    expect(shown).toBe("the end\n");
    expect(await served.closed).toBe(0);
    expect(served.told.at(-1)).toMatchObject({ event: "stopped" });
  });

  test("the second SIGTERM ends the server and its sessions immediately", async () => {
    const served = await folder.serve();
    const child = start([...folder.ssh(served), `trap '' HUP TERM INT; echo $$; ${folder.loop}`]);
    const pid = Number(await firstLine(child.stdout));
    served.kill("SIGTERM");
    await served.until(({ event }) => event === "stopping");
    served.kill("SIGTERM");
    expect(await served.closed).toBe(0);
    await untilDead(pid);
  });
});

describe("without node-pty", () => {
  const without = useServeFolder({ terminals: false });

  test("terminal requests are refused, the log states why, and commands run without a terminal", async () => {
    const served = await without.serve();
    expect(served.told[0]).toMatchObject({
      event: "note",
      text: expect.stringMatching(
        /^terminal requests are refused because @lydell\/node-pty cannot be loaded: .*node-pty/,
      ) as string,
    });
    const { stderr } = await run([...without.ssh(served, ["-tt"]), "true"]);
    expect(stderr).toMatch(/PTY allocation request failed on channel 0/);
    expect(await served.until(({ event }) => event === "request-refused")).toMatchObject({ request: "pty-req" });
    expect(await quiet([...without.ssh(served), "echo in"])).toBe("in\n");
  });
});
