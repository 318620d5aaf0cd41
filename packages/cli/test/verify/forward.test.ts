import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { parsePublicKeyLine } from "@nacre/keyfiles";
import { fingerprint, generateEd25519 } from "@nacre/keys";
import { listen } from "@nacre/node";
import { freePort } from "@nacre/testing/free-port";
import { password, type Sshd, startSshd } from "@nacre/testing/openssh/sshd";
import { seededRandom } from "@nacre/testing/random";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { commandLine, ended, nacre, start, TestTerminal } from "../interop/nacre.ts";
import { useCapitals, useLogin } from "../interop/sshd-login.ts";

const at = useLogin([], []);
const target = useCapitals();
let bastion: Sshd;
let inner: Sshd;
let common: string[];

beforeAll(async () => {
  [bastion, inner] = at.servers as [Sshd, Sshd];
  common = ["-i", at.keyFile, "--known-hosts", at.knownHosts];
});

const pinOf = (line: string): string => fingerprint(parsePublicKeyLine(line).publicKey.blob, "sha256");

async function listenAnywhere(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}

/** Returns the words to log in to the bastion with these options. */
const atBastion = (...options: string[]): string[] => [
  ...common,
  "-p",
  `${bastion.port}`,
  ...options,
  "alice@127.0.0.1",
];

describe("--reconnect", () => {
  test("keeps forwards over a lost connection, and ends with 255 for good", async () => {
    let to = bastion.port;
    const sockets: Socket[] = [];
    const proxy = createServer((socket) => {
      const onward = connect(to, "127.0.0.1");
      sockets.push(socket);
      socket.on("error", () => {}).on("close", () => onward.destroy());
      onward.on("error", () => {}).on("close", () => socket.destroy());
      socket.pipe(onward).pipe(socket);
    });
    const port = await listenAnywhere(proxy);
    onTestFinished(() => void proxy.close());
    const [local, pins] = [await freePort(), bastion.hostPublicKeys.map(pinOf)];
    const words = [...common, ...pins.flatMap((pin) => ["--host-key", pin]), "--reconnect", "-N"];
    const child = start(
      commandLine([...words, "-p", `${port}`, "-L", `${local}:127.0.0.1:${target.port}`, "alice@127.0.0.1"]),
    );
    const over = ended(child);
    const answer = (question: string): Promise<string> =>
      vi.waitFor(
        async () => {
          const said = await ask({ port: local }, question).catch(() => "");
          if (said === "") throw new Error("no answer yet");
          return said;
        },
        { timeout: 20_000, interval: 200 },
      );
    expect(await answer("one")).toBe("ONE");
    for (const socket of sockets) socket.resetAndDestroy();
    expect(await answer("two")).toBe("TWO");
    // The other sshd has another host key.
    to = inner.port;
    for (const socket of sockets) socket.resetAndDestroy();
    const { status, stderr } = await over;
    expect(status).toBe(255);
    expect(stderr).toContain("nacre: connected again");
    expect(stderr).toMatch(/\[host-key-[a-z]+\]\n$/);
  });
});

/** Sends the question and EOF. Resolves with the answer. */
function ask(where: { readonly port: number } | { readonly path: string }, question: string): Promise<string> {
  const socket = connect({ ...where, host: "127.0.0.1", allowHalfOpen: true });
  socket.end(question);
  return text(socket);
}

/** Waits until a listener accepts connections. */
async function untilOpen(where: { readonly port: number } | { readonly path: string }): Promise<void> {
  for (;;) {
    const socket: Socket = connect({ ...where, host: "127.0.0.1" });
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Starts a `nacre` that is killed at the end of the test. */
function tunnel(...words: string[]): ReturnType<typeof start> {
  const child = start(commandLine(words));
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

/** Waits until a program's standard error matches. Resolves with the match; rejects if the program ends first. */
function untilSaid(child: ReturnType<typeof start>, words: RegExp): Promise<RegExpExecArray> {
  let said = "";
  return new Promise((resolve, reject) => {
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const match = words.exec(said);
      if (match !== null) resolve(match);
    });
    child.on("close", () => reject(new Error(`the program ended first: ${said}`)));
  });
}

describe("-J", () => {
  test("reaches a host through a jump host, which sees no session", async () => {
    const words = [...common, "-J", `alice@127.0.0.1:${bastion.port}`, "-p", `${inner.port}`, "alice@127.0.0.1"];
    expect(await nacre([...words, "echo in"])).toMatchObject({ status: 0, stderr: "", stdout: Buffer.from("in\n") });
    const log = await bastion.log();
    expect(log).toMatch(/Accepted publickey for alice/);
    expect(log).not.toContain("Starting session");
    expect(await inner.log()).toContain("Starting session: command for alice");
  });

  test("goes through two jump hosts, the first of which is also the destination", async () => {
    const hops = [bastion, inner].map(({ port }) => `alice@127.0.0.1:${port}`).join(",");
    const words = [...common, "-J", hops, "-p", `${bastion.port}`, "alice@127.0.0.1", "echo in"];
    expect(await nacre(words)).toMatchObject({ status: 0, stderr: "", stdout: Buffer.from("in\n") });
  });

  test("names an unknown jump host without suggesting --host-key", async () => {
    const words = ["-J", `alice@127.0.0.1:${bastion.port}`, "--known-hosts", "/dev/null", "alice@127.0.0.1", "true"];
    const { status, stderr } = await nacre(words);
    expect(status).toBe(255);
    expect(stderr).toMatch(
      new RegExp(
        `^nacre: Host key verification failed\\.\\nnacre: jump host 127.0.0.1 port ${bastion.port}: the host key of .* is unknown: .* \\[host-key-unknown\\]\\n$`,
      ),
    );
    expect(stderr).not.toContain("--host-key");
  });

  test("asks for the password at each host", async () => {
    const words = [...common.slice(2), "-J", `alice@127.0.0.1:${bastion.port}`, "-p", `${inner.port}`];
    const command = commandLine([...words, "alice@127.0.0.1", "echo in"]).map((word) => `'${word}'`);
    const terminal = new TestTerminal(`export NACRE_TEST_HOME='${at.folder}'; ${command.join(" ")}; echo "status $?"`);
    await terminal.until(`jump host, port ${bastion.port}: alice@127.0.0.1's password: `);
    terminal.type(`${password()}\r`);
    await terminal.until(`alice@127.0.0.1's password: `);
    terminal.type(`${password()}\r`);
    await terminal.until("in\r\n");
    await terminal.until("status 0");
  });
});

describe("-W", () => {
  test("connects standard input and output to a target until EOF", async () => {
    const words = atBastion("-W", `127.0.0.1:${target.port}`);
    expect(await nacre(words, "through the tunnel")).toMatchObject({
      status: 0,
      stderr: "",
      stdout: Buffer.from("THROUGH THE TUNNEL"),
    });
  });

  test("works as the ProxyCommand of OpenSSH's ssh", async () => {
    const proxy = commandLine(atBastion("-W", "%h:%p")).join(" ");
    const words = ["-F", "/dev/null", "-o", `ProxyCommand=${proxy}`, "-i", common[1]!, "-o", "IdentitiesOnly=yes"];
    const known = ["-o", `UserKnownHostsFile=${common[3]}`, "-o", "BatchMode=yes", "-p", `${inner.port}`];
    const child = start(["ssh", ...words, ...known, "alice@127.0.0.1", "echo in"]);
    expect(await ended(child)).toMatchObject({ status: 0, stdout: Buffer.from("in\n") });
  });

  test("ends the output at the target's EOF while the input is still open", async () => {
    const server = createServer((socket) => socket.end("bye"));
    const port = await listenAnywhere(server);
    const child = tunnel(...atBastion("-W", `127.0.0.1:${port}`));
    expect(await text(child.stdout)).toBe("bye");
    child.stdin.end();
    server.close();
  });

  test("fails with 255 and one line when the output does not fit on the disk", async () => {
    const server = createServer((socket) => socket.on("error", () => {}).write("hello"));
    onTestFinished(() => void server.close());
    const words = atBastion("-W", `127.0.0.1:${await listenAnywhere(server)}`);
    const line = `${commandLine(words)
      .map((word) => `'${word}'`)
      .join(" ")} > /dev/full`;
    const { status, stderr } = await ended(start(["sh", "-c", line]));
    expect(status).toBe(255);
    expect(stderr).toMatch(/^nacre: cannot write standard output: ENOSPC[^\n]* \[file-unwritable\]\n$/);
  });

  test("fails with 255 and one line when the target cannot be reached", async () => {
    const { status, stderr } = await nacre(atBastion("-W", `127.0.0.1:${await freePort()}`));
    expect(status).toBe(255);
    expect(stderr).toMatch(
      /^channel 0: open failed: connect failed: Connection refused\nstdio forwarding failed\nnacre: cannot connect to 127\.0\.0\.1:\d+: [^\n]+ \[forward-unreachable\]\n$/,
    );
  });
});

describe("-L, -R and -D", () => {
  test("-L forwards a port to a target, each direction until EOF", async () => {
    const port = await freePort();
    tunnel(...atBastion("-N", "-L", `${port}:127.0.0.1:${target.port}`));
    await untilOpen({ port });
    expect(await ask({ port }, "local")).toBe("LOCAL");
  });

  test("-L listens on a Unix socket and removes it at the end", async () => {
    const path = join(at.folder, "local.sock");
    const child = tunnel(...atBastion("-N", "-L", `${path}:127.0.0.1:${target.port}`));
    await untilOpen({ path });
    expect(await ask({ path }, "socket")).toBe("SOCKET");
    child.kill("SIGTERM");
    await once(child, "close");
    expect(child.signalCode).toBe("SIGTERM");
    expect(existsSync(path)).toBe(false);
  });

  test("-L removes its socket even if a signal arrives before every forward is set up", async () => {
    const path = join(at.folder, "early.sock");
    const server = await listen({
      port: 0,
      hostKeys: [generateEd25519(seededRandom(1))],
      authenticate: () => ({ permissions: { portForwarding: true } }),
      forwarding: { listen: () => new Promise(() => {}) },
    });
    onTestFinished(() => server.close());
    const known = ["--accept-new", "--known-hosts", join(at.folder, "early_known_hosts")];
    const words = ["-N", "-L", `${path}:127.0.0.1:${target.port}`, "-R", "0:127.0.0.1:1"];
    const child = tunnel(...common.slice(0, 2), ...known, "-p", `${server.address.port}`, ...words, "alice@127.0.0.1");
    await untilOpen({ path });
    child.kill("SIGTERM");
    expect(await once(child, "close")).toEqual([null, "SIGTERM"]);
    expect(existsSync(path)).toBe(false);
  });

  test("-R prints the port that the server chose, and connects from here", async () => {
    const child = tunnel(...atBastion("-N", "-R", `0:127.0.0.1:${target.port}`));
    const [, port] = await untilSaid(child, /^Allocated port (\d+) for remote forward to 127\.0\.0\.1:\d+$/m);
    expect(await ask({ port: Number(port) }, "remote")).toBe("REMOTE");
  });

  test("-D is a SOCKS proxy here, -R without a target one on the server", async () => {
    const local = await freePort();
    const child = tunnel(...atBastion("-N", "-D", `${local}`, "-R", "0"));
    const [, remote] = await untilSaid(child, /^Allocated port (\d+) for remote forward to socks:0$/m);
    await untilOpen({ port: local });
    for (const port of [local, Number(remote)]) expect(await throughSocks(port, target.port, "socks")).toBe("SOCKS");
  });

  test("run beside a command; nacre waits for forwarded connections before it exits", async () => {
    const port = await freePort();
    const child = tunnel(...atBastion("-L", `${port}:127.0.0.1:${target.port}`), "echo up; cat");
    await once(child.stdout, "data");
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    await once(socket, "connect");
    child.stdin.end();
    await expect(Promise.race([once(child, "exit"), delay(500, "runs")])).resolves.toBe("runs");
    socket.end("late");
    expect(await text(socket)).toBe("LATE");
    expect(await once(child, "close")).toEqual([0, null]);
  });

  test("report a refused connection and continue", async () => {
    const port = await freePort();
    const child = tunnel(...atBastion("-N", "-L", `${port}:127.0.0.1:${await freePort()}`));
    const said = untilSaid(child, /^nacre: .*\[forward-unreachable\]$/m);
    await untilOpen({ port });
    await said;
    await untilOpen({ port });
    expect(child.exitCode).toBeNull();
  });
});

/** Options for two forwards that fail: a port in use here, and a privileged port on the server. */
const taken = (): string[] => ["-L", `${target.port}:127.0.0.1:1`, "-R", "1:127.0.0.1:1"];

describe("a forward that cannot be set up", () => {
  test("is reported, and the command still runs", async () => {
    const { status, stdout, stderr } = await nacre([...atBastion(...taken()), "echo in"]);
    expect({ status, stdout: stdout.toString() }).toEqual({ status: 0, stdout: "in\n" });
    expect(stderr).toMatch(
      /^bind \[127\.0\.0\.1\]:\d+: Address already in use\n[^\n]+\nCould not request local forwarding\.\nnacre: [^\n]+ \[listen-failed\]\nWarning: remote port forwarding failed for listen port 1\nnacre: [^\n]+ \[forward-denied\]\n$/,
    );
  });

  test("ends nacre with ExitOnForwardFailure=yes", async () => {
    for (const forward of [taken().slice(0, 2), taken().slice(2)]) {
      const words = ["-o", "ExitOnForwardFailure=yes", ...forward];
      const { status, stdout, stderr } = await nacre([...atBastion(...words), "echo in"]);
      expect({ status, stdout: stdout.toString() }).toEqual({ status: 255, stdout: "" });
      expect(stderr).toMatch(
        /^(bind [^\n]+\n[^\n]+\nCould not request local forwarding\.\n|Error: remote port forwarding failed [^\n]+\n)nacre: [^\n]+ \[(listen-failed|forward-denied)\]\n$/,
      );
    }
  });
});

test("-N opens no session, and exits with 255 and one line when the server is gone", async () => {
  const lonely = await startSshd({ hostKeys: ["ed25519"], logLevel: "DEBUG1" });
  const words = ["-N", ...common.slice(0, 2), "--known-hosts", join(at.folder, "lonely"), "--accept-new"];
  const child = start(commandLine([...words, "-p", `${lonely.port}`, "alice@127.0.0.1"]));
  while (!(await lonely.log()).includes("User child is on pid")) await delay(50, undefined);
  const result = ended(child);
  await lonely.stop();
  const { status, stderr } = await result;
  expect(status).toBe(255);
  expect(stderr).toMatch(
    /^Warning: Permanently added [^\n]+\n((Connection to|Read from) [^\n]+\n)?nacre: [^\n]+ \[(connection-lost|disconnected)\]\n$/,
  );
  expect(await lonely.log()).not.toContain("ctype session");
});

describe("-f", () => {
  test("returns once the forwards are set up, and keeps them open", async () => {
    const port = await freePort();
    const result = await nacre(atBastion("-f", "-N", "-L", `${port}:127.0.0.1:${target.port}`, "-R", "0:127.0.0.1:1"));
    killAtTheEnd(port);
    expect(result).toMatchObject({ status: 0, stdout: Buffer.of() });
    expect(result.stderr).toMatch(/^Allocated port \d+ for remote forward to 127\.0\.0\.1:1\n$/);
    expect(await ask({ port }, "background")).toBe("BACKGROUND");
  });

  test("keeps the command running and delivers its output", async () => {
    const child = start(commandLine([...atBastion("-f"), "sleep 1; echo late"]));
    const result = ended(child);
    expect(await once(child, "exit")).toEqual([0, null]);
    const { stdout, stderr } = await result;
    expect({ stdout: stdout.toString(), stderr }).toEqual({ stdout: "late\n", stderr: "" });
  });

  test("prints the error and exits with its status if the set-up fails", async () => {
    const refused = ["-o", "ExitOnForwardFailure=yes", "-L", `${target.port}:127.0.0.1:1`];
    for (const [words, code] of [
      [atBastion("-f", "-N", ...refused), "listen-failed"],
      [["-f", "-N", "-p", `${await freePort()}`, "127.0.0.1"], "connection-failed"],
    ] as const) {
      const { status, stderr } = await nacre(words);
      expect(status).toBe(255);
      expect(stderr).toMatch(new RegExp(`(^|\\n)nacre: [^\\n]+ \\[${code}\\]\\n$`));
    }
  });

  test("first asks for the password without echo, and outlives the terminal", async () => {
    const port = await freePort();
    const words = ["-f", "-N", ...common.slice(2), "-p", `${bastion.port}`, "-L", `${port}:127.0.0.1:${target.port}`];
    const command = commandLine([...words, "alice@127.0.0.1"])
      .map((word) => `'${word}'`)
      .join(" ");
    const terminal = new TestTerminal(
      `export NACRE_TEST_HOME='${at.folder}'; before=$(stty -g); ${command}; echo "status $?"; test "$before" = "$(stty -g)" && echo restored`,
    );
    await terminal.until("alice@127.0.0.1's password: ");
    terminal.type("wrong\r");
    await terminal.until("Permission denied, please try again.\r\nalice@127.0.0.1's password: ");
    terminal.type(`${password()}\r`);
    await terminal.until("status 0\r\n");
    await terminal.until("restored");
    expect(await terminal.closed).toBe(0);
    killAtTheEnd(port);
    expect(terminal.shown).not.toContain(password());
    expect(await ask({ port }, "detached")).toBe("DETACHED");
  });

  test("ends with the first process, even a killed one, while it asks for the password", async () => {
    const lonely = await startSshd({ hostKeys: ["ed25519"] });
    onTestFinished(() => lonely.stop());
    const words = ["-f", "-N", "--known-hosts", join(at.folder, "lonely_f"), "--accept-new", "-p", `${lonely.port}`];
    const command = commandLine([...words, "alice@127.0.0.1"])
      .map((word) => `'${word}'`)
      .join(" ");
    const shell = `export NACRE_TEST_HOME='${at.folder}'; sh -c 'echo "pid $$"; exec "$0" "$@"' ${command}; echo "status $?"; cat`;

    const cancelled = new TestTerminal(shell);
    await cancelled.until("alice@127.0.0.1's password: ");
    cancelled.type("\x03");
    await cancelled.until("[auth-cancelled]");
    await cancelled.until("status 255\r\n");
    await endInput(cancelled);

    for (const [index, signal] of (["SIGTERM", "SIGKILL"] as const).entries()) {
      const killed = new TestTerminal(shell);
      await killed.until("pid ");
      const pid = Number((await killed.until("\r\n")).trim());
      await killed.until("alice@127.0.0.1's password: ");
      process.kill(pid, signal);
      await killed.until("status ");
      // The server logs it when the background process closes its connection.
      const closed = /Connection closed by authenticating user alice/g;
      while ([...(await lonely.log()).matchAll(closed)].length <= index) await delay(50, undefined);
      await endInput(killed);
    }
  });
});

/** Ends the input. A read that began in raw mode ignores ^D until it gets a character, so a line comes first. */
async function endInput(terminal: TestTerminal): Promise<void> {
  const closed = terminal.closed.then(() => true);
  do terminal.type("\n\x04");
  while (!(await Promise.race([closed, delay(50, false)])));
}

/** Asks a target through a SOCKS 5 proxy. Resolves with its answer. */
async function throughSocks(proxy: number, port: number, question: string): Promise<string> {
  const socket = connect({ port: proxy, host: "127.0.0.1", allowHalfOpen: true });
  socket.write(Uint8Array.of(5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255));
  socket.end(question);
  // Skip the method selection (2 bytes) and the reply with an IPv4 address (10 bytes).
  return (await text(socket.setEncoding("latin1"))).slice(2 + 10);
}

function delay<T>(milliseconds: number, value: T): Promise<T> {
  return new Promise((resolve) => setTimeout(() => resolve(value), milliseconds));
}

/** Kills the background process that listens on this port after the test. It is not a child of the test process. */
function killAtTheEnd(port: number): void {
  onTestFinished(() => {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
      if (isBackgroundOf(pid, port)) process.kill(Number(pid), "SIGTERM");
  });
}

function isBackgroundOf(pid: string, port: number): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0");
    return words.includes("--in-background") && words.some((word) => word.startsWith(`${port}:`));
  } catch {
    // The process has ended.
    return false;
  }
}
