import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { freePort } from "@nacre/testing/free-port";
import { type Sshd } from "@nacre/testing/openssh/sshd";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { commandLine, type Ended, ended, nacre, start, TestTerminal } from "../interop/nacre.ts";
import { quoted, useCapitals, useLogin } from "../interop/sshd-login.ts";

/*
 * Calls through masters of OpenSSH. nacre gets no key, so that none of them can log in by itself.
 */

const at = useLogin(["MaxSessions 4"]);
const target = useCapitals();
let sshd: Sshd;
/** Options of ssh(1) to log in. */
let login: string[];
/** Options of nacre, which cannot log in with them. */
let unable: string[];

beforeAll(async () => {
  [sshd] = at.servers as [Sshd];
  const common = ["-p", `${sshd.port}`, "-o", `UserKnownHostsFile=${at.knownHosts}`, "-o", "BatchMode=yes"];
  login = ["-F", "/dev/null", "-i", at.keyFile, ...common];
  unable = ["-o", "IdentityFile=none", "-o", "IdentitiesOnly=yes", ...common];
});

interface OpenSshMaster {
  readonly path: string;
  /** Runs ssh(1) through the master. */
  ssh(...words: readonly string[]): Promise<Ended>;
  /** Runs nacre through the master. */
  nacre(options: readonly string[], command?: string, input?: string | Uint8Array): Promise<Ended>;
  /** Returns the command line of nacre through the master. */
  words(options: readonly string[], command?: string): string[];
  /** Ends when the master has ended. */
  readonly exited: Promise<unknown>;
}

/** Starts a master of OpenSSH, and waits for its socket. */
async function openSshMaster(...options: readonly string[]): Promise<OpenSshMaster> {
  const path = join(await mkdtemp(join(at.folder, "m-")), "socket");
  const child = start(["ssh", ...login, ...options, "-M", "-S", path, "-N", "alice@127.0.0.1"]);
  onTestFinished(() => void child.kill("SIGKILL"));
  const exited = ended(child);
  while (!existsSync(path)) {
    if (child.exitCode !== null) throw new Error(`no master: ${(await exited).stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const words = (options: readonly string[], command?: string): string[] => [
    "-S",
    path,
    ...unable,
    ...options,
    "alice@127.0.0.1",
    ...(command === undefined ? [] : [command]),
  ];
  return {
    path,
    exited,
    words,
    ssh: (...more) => {
      const run = start(["ssh", "-F", "/dev/null", "-S", path, ...more]);
      run.stdin.end();
      return ended(run);
    },
    nacre: (more, command, input) => nacre(words(more, command), input),
  };
}

const output = ({ status, stdout, stderr }: Ended): unknown => ({ status, stdout: stdout.toString(), stderr });

/** Sends the question and EOF. Resolves with the answer. */
function ask(port: number, question: string): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.end(question, "latin1");
  return text(socket);
}

/** Waits until the port is closed. ssh(1) answers `-O cancel` before the server has closed its port. */
async function refused(port: number): Promise<void> {
  await expect
    .poll(() => ask(port, "gone?").catch((error: NodeJS.ErrnoException) => error.code), { timeout: 10_000 })
    .toBe("ECONNREFUSED");
}

/** Number of logins that sshd has accepted. */
const logins = async (): Promise<number> => (await sshd.log()).split("Accepted publickey").length - 1;

describe("a master of OpenSSH", () => {
  test("carries commands, a subsystem and a shell without another login", async () => {
    const before = await logins();
    const master = await openSshMaster();
    const failing = await master.nacre([], "echo out; echo err >&2; exit 7");
    expect(output(failing)).toEqual({ status: 7, stdout: "out\n", stderr: "err\n" });
    expect(output(await master.nacre([], "cat", "input"))).toEqual({ status: 0, stdout: "input", stderr: "" });
    const killed = await master.nacre([], "kill -TERM $$");
    expect(killed.status).toBe(255);
    expect(killed.stderr).toContain("signal TERM");
    expect(output(await master.nacre(["-o", "SetEnv=NACRE_X=set"], "echo $NACRE_X"))).toMatchObject({
      stdout: "set\n",
    });
    expect(output(await master.nacre(["-T"], undefined, "echo in a shell\n"))).toMatchObject({
      stdout: "in a shell\n",
    });
    // SSH_FXP_INIT, answered by SSH_FXP_VERSION. OpenSSH's sftp-server drops its answer if it reads EOF before it has written that.
    const sftp = start(commandLine(master.words(["-s"], "sftp")));
    sftp.stdin.write(Uint8Array.of(0, 0, 0, 5, 1, 0, 0, 0, 3));
    sftp.stdout.once("data", () => sftp.stdin.end());
    const answered = await ended(sftp);
    expect([answered.status, answered.stdout[4]]).toEqual([0, 2]);
    expect(output(await master.nacre(["-O", "proxy"], "echo proxy"))).toMatchObject({ status: 0, stdout: "proxy\n" });
    expect((await logins()) - before).toBe(1);
  });

  test("carries a terminal", async () => {
    const master = await openSshMaster();
    const terminal = new TestTerminal(quoted(commandLine(master.words(["-tt"], "tty; read x; echo got $x"))));
    await terminal.until("/dev/pts/");
    terminal.type("typed\r");
    await terminal.until("got typed");
    expect(await terminal.closed).toBe(0);
  });

  test("carries SFTP of a program", async () => {
    const master = await openSshMaster();
    const program = join(at.folder, "nacre-as-ssh");
    writeFileSync(program, `#!/bin/sh\nexec ${quoted(commandLine([]))} ${quoted(unable)} "$@"\n`, {
      mode: 0o700,
    });
    const child = start(["sftp", "-S", program, "-o", `ControlPath=${master.path}`, "-b", "-", "alice@127.0.0.1"]);
    child.stdin.end("pwd\n");
    expect(output(await ended(child))).toMatchObject({ status: 0, stdout: expect.stringContaining("/home/alice") });
  });

  test("carries copies and file sessions of nacre without another login", async () => {
    const before = await logins();
    const master = await openSshMaster();
    const options = [
      "-P",
      `${sshd.port}`,
      "-o",
      `ControlPath=${master.path}`,
      ...unable.filter((_, at) => at < 4 || at > 5),
    ];
    const sent = new Uint8Array(300_000).fill(7);
    const [from, back] = [join(at.folder, "sent"), join(at.folder, "back")];
    writeFileSync(from, sent);
    expect(output(await nacre(["cp", ...options, from, "alice@127.0.0.1:by-master"]))).toMatchObject({ status: 0 });
    expect(output(await nacre(["cp", ...options, "alice@127.0.0.1:by-master", back]))).toMatchObject({ status: 0 });
    expect(readFileSync(back).equals(sent)).toBe(true);
    const session = await nacre(["sftp", ...options, "-b", "-", "alice@127.0.0.1"], "pwd\n");
    expect(output(session)).toMatchObject({ status: 0, stdout: expect.stringContaining("/home/alice") });
    expect((await logins()) - before).toBe(1);
    expect((await master.nacre(["-O", "check"])).status).toBe(0);
  });

  test("carries 100 MiB each way, and several calls at once", async () => {
    const master = await openSshMaster();
    const size = 100 * 1024 * 1024;
    const count = (await master.nacre([], "wc -c", new Uint8Array(size))).stdout.toString();
    expect(Number(count)).toBe(size);
    const down = await master.nacre([], `head -c ${size} /dev/zero`);
    expect([down.status, down.stdout.length, down.stdout.every((byte) => byte === 0)]).toEqual([0, size, true]);
    const calls = ["a", "b", "c"].map((name) => master.nacre([], `head -c 1000000 /dev/zero | wc -c; echo ${name}`));
    expect((await Promise.all(calls)).map(({ stdout }) => stdout.toString())).toEqual(
      ["a", "b", "c"].map((name) => `1000000\n${name}\n`),
    );
    // 200 MiB through three processes are slow on a busy machine.
  });

  test("opens forwards that outlast the call, as for ssh", async () => {
    const master = await openSshMaster();
    const [local, remote, socks] = [await freePort(), await freePort(), await freePort()];
    const forwards = [
      "-L",
      `${local}:127.0.0.1:${target.port}`,
      "-R",
      `${remote}:127.0.0.1:${target.port}`,
      "-D",
      `${socks}`,
    ];
    expect(output(await master.nacre(forwards, "echo ok"))).toMatchObject({ status: 0, stdout: "ok\n" });
    expect(await ask(local, "local")).toBe("LOCAL");
    expect(await ask(remote, "remote")).toBe("REMOTE");
    // A request of SOCKS 4 for 127.0.0.1, and its grant.
    const request = Buffer.from([4, 1, target.port >> 8, target.port & 255, 127, 0, 0, 1, 0]).toString("latin1");
    expect(await ask(socks, `${request}socks`)).toMatch(/^\0Z.{6}SOCKS$/s);
    // ssh(1) finds each of them, and nacre those of ssh(1).
    const cancelled = await master.ssh("-O", "cancel", ...forwards, "x");
    expect(output(cancelled)).toEqual({ status: 0, stdout: "", stderr: "" });
    await refused(local);
    expect((await master.ssh("-O", "forward", ...forwards, "x")).status).toBe(0);
    expect(output(await master.nacre(["-O", "cancel", ...forwards]))).toEqual({ status: 0, stdout: "", stderr: "" });
    await refused(remote);
  });

  test("says which port the server chose", async () => {
    const master = await openSshMaster();
    const called = await master.nacre(["-R", `0:127.0.0.1:${target.port}`], "echo ok");
    const [, port] = /^Allocated port (\d+) for remote forward to 127\.0\.0\.1:\d+\n/.exec(called.stderr) ?? [];
    expect(await ask(Number(port), "remote")).toBe("REMOTE");
    const again = await master.nacre(["-O", "forward", "-R", `0:127.0.0.1:${target.port}`]);
    expect(output(again)).toEqual({ status: 0, stdout: `${port}\n`, stderr: "" });
  });

  test("reports a forward that fails, and leaves it to a connection of its own", async () => {
    const master = await openSshMaster();
    const failing = ["-R", "1:127.0.0.1:1"];
    const expected = "mux_client_forward: forwarding request failed: remote port forwarding failed for listen port 1\n";
    const ordered = await master.nacre(["-O", "forward", ...failing]);
    expect(output(ordered)).toEqual({
      status: 255,
      stdout: "",
      stderr: `${expected}nacre: muxclient: master forward request failed\n`,
    });
    const called = await master.nacre(failing, "echo ok");
    expect(called.stderr).toContain(`${expected}muxclient: master forward request failed\n`);
    expect(called.stderr).toContain("Permission denied (");
    const none = await master.nacre(["-O", "cancel", "-L", "1:a:1"]);
    expect(none.status).toBe(0);
    expect(none.stderr).toBe(
      "mux_client_forward: forwarding request failed: port not forwarded\nmuxclient: master cancel forward request failed\n",
    );
  });

  test("connects standard input and output", async () => {
    const master = await openSshMaster();
    const temporary = await mkdtemp(join(at.folder, "t-"));
    const forward = (place: string, input: string): Promise<Ended> => {
      const child = start(["env", `TMPDIR=${temporary}`, ...commandLine(master.words(["-W", place]))]);
      child.stdin.end(input);
      return ended(child);
    };
    const reached = await forward(`127.0.0.1:${target.port}`, "stdio");
    expect(output(reached)).toEqual({ status: 0, stdout: "STDIO", stderr: "" });
    const refused = await forward("127.0.0.1:1", "");
    expect(refused.status).toBe(255);
    expect(refused.stderr).toContain("Stdio forwarding request failed: Session open refused by peer");
    expect(readdirSync(temporary)).toEqual([]);
    expect(output(await master.nacre([], "echo ok"))).toMatchObject({ stdout: "ok\n" });
  });

  test("answers -O as to ssh", async () => {
    const master = await openSshMaster();
    const [ours, theirs] = [await master.nacre(["-O", "check"]), await master.ssh("-O", "check", "x")];
    expect(output(ours)).toEqual(output(theirs));
    expect(ours.stderr).toMatch(/^Master running \(pid=\d+\)\r\n$/);
    // OpenSSH before 10.3.
    for (const command of ["conninfo", "channels"])
      expect(output(await master.nacre(["-O", command]))).toEqual({
        status: 255,
        stdout: "",
        stderr: "nacre: mux server does not support info request\n",
      });
    const running = start(commandLine(master.words([], "echo begun; sleep 100")));
    const run = ended(running);
    await once(running.stdout, "data");
    expect(output(await master.nacre(["-O", "stop"]))).toEqual({
      status: 0,
      stdout: "",
      stderr: "Stop listening request sent.\r\n",
    });
    expect(existsSync(master.path)).toBe(false);
    expect(output(await master.nacre(["-O", "check"]))).toEqual({
      status: 255,
      stdout: "",
      stderr: `nacre: Control socket connect(${master.path}): No such file or directory\n`,
    });
    running.kill();
    await run;

    const other = await openSshMaster();
    expect(output(await other.nacre(["-O", "exit"]))).toEqual({
      status: 0,
      stdout: "",
      stderr: "Exit request sent.\r\n",
    });
    await other.exited;
  });

  test("that exits ends the calls that it carries", async () => {
    const master = await openSshMaster();
    const running = start(commandLine(master.words([], "echo begun; sleep 100")));
    const run = ended(running);
    await once(running.stdout, "data");
    await master.ssh("-O", "exit", "x");
    const { status, stderr } = await run;
    expect([status, stderr]).toEqual([255, "nacre: the master of the shared connection ended it [connection-lost]\n"]);
    // The socket is gone, so the next call connects by itself, which it cannot here.
    expect(output(await master.nacre([], "echo no"))).toMatchObject({ status: 255, stdout: "" });
  });

  test("whose sessions are used up leaves the rest to a connection of its own", async () => {
    const master = await openSshMaster();
    const sessions = [1, 2, 3, 4].map(() => start(commandLine(master.words([], "echo begun; read x; echo $x"))));
    await Promise.all(sessions.map(({ stdout }) => once(stdout, "data")));
    // With the key: -i of a later option adds to the first.
    const child = start(
      commandLine(["-S", master.path, ...login.slice(2), "alice@127.0.0.1", "echo by itself; read x"]),
    );
    const own = ended(child);
    await once(child.stdout, "data");
    const ends = Promise.all(sessions.map(ended));
    for (const session of sessions) session.stdin.end("done\n");
    // OpenSSH's master ends when the refused client does; until then the others run on.
    expect((await ends).map(({ status }) => status)).toEqual([0, 0, 0, 0]);
    child.stdin.end();
    expect(output(await own)).toEqual({
      status: 1,
      stdout: "by itself\n",
      stderr: "mux_client_request_session: session request failed: Session open refused by peer\n",
    });
  });

  test("is not used to forward an agent", async () => {
    const master = await openSshMaster();
    const agent = join(at.folder, "agent");
    const words = ["-S", master.path, ...login.slice(2), "-A", "alice@127.0.0.1", "echo $SSH_AUTH_SOCK"];
    const server = createServer((socket) => socket.destroy()).listen(agent);
    onTestFinished(() => void server.close());
    const before = await logins();
    const child = start(["env", `SSH_AUTH_SOCK=${agent}`, ...commandLine(words)]);
    child.stdin.end();
    expect(output(await ended(child))).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\/tmp\/.+\n$/) });
    expect((await logins()) - before).toBe(1);
  });
});
