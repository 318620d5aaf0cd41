import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { freePort } from "@nacre/testing/free-port";
import { authorizeKey, containerExec, password, startSshd } from "@nacre/testing/openssh/sshd";
import { describe, expect, onTestFinished, test } from "vitest";
import { commandLine, ended, nacre, start, TestTerminal } from "./nacre.ts";
import { quoted, useLogin } from "./sshd-login.ts";

const at = useLogin([], ["PermitTTY no"]);

async function fingerprintOfServer(): Promise<string> {
  const listed = await containerExec(["ssh-keygen", "-l", "-f", "-"], { input: at.servers[0]!.hostPublicKeys[0]! });
  return listed.stdout.split(" ")[1]!;
}

/** Runs a command, closes its output at the first bytes, as `head -n 1` does, and then ends its input. */
function headOf(...words: string[]): ReturnType<typeof ended> {
  const child = start(commandLine(words));
  child.stdout.once("data", () => {
    child.stdout.destroy();
    child.stdin.end();
  });
  return ended(child);
}

describe("a command", () => {
  test("delivers its output, its errors and its status", async () => {
    const result = await nacre([...at.words(), "echo out; echo err >&2; exit 3"]);
    expect(result.stdout.toString()).toBe("out\n");
    expect(result.stderr).toBe("err\n");
    expect(result.status).toBe(3);
  });

  test.each([0, 1, 254, 255])("passes on exit status %d", async (status) => {
    expect(await nacre([...at.words(), "exit", `${status}`])).toMatchObject({ status, stderr: "" });
  });

  test("consists of all words after the host, even options, and has no terminal", async () => {
    expect((await nacre([...at.words(), "echo", "-p", "--trace;", "tty"])).stdout.toString()).toBe(
      "-p --trace\nnot a tty\n",
    );
  });

  test("receives piped input byte for byte, and its EOF", async () => {
    const bytes = randomBytes(5 * 1024 * 1024 + 1);
    const { stdout, status } = await nacre([...at.words(), "cat"], bytes);
    expect(status).toBe(0);
    expect(digest(stdout)).toBe(digest(bytes));
    expect((await nacre([...at.words(), "sha256sum"], bytes)).stdout.toString()).toBe(`${digest(bytes)}  -\n`);
  });

  test("may end before it has read its input", async () => {
    expect(await nacre([...at.words(), "exit 4"], randomBytes(3 * 1024 * 1024))).toMatchObject({
      status: 4,
      stderr: "",
    });
  });

  test("ended by a signal gives status 255 and one line", async () => {
    expect(await nacre([...at.words(), "kill -KILL $$"])).toMatchObject({
      status: 255,
      stderr: "nacre: the command was ended by signal KILL [channel-closed]\n",
    });
  });

  describe("whose reader goes away", () => {
    test("ends with its own status", async () => {
      expect(await headOf(...at.words(), "seq 1 1000000; exit 5")).toMatchObject({ status: 5, stderr: "" });
    });

    test("ends with its own status if its output was already whole, as rsync's is", async () => {
      expect(await headOf(...at.words(), "echo; cat; exit 6")).toMatchObject({ status: 6, stderr: "" });
    });

    test("is ended by SIGPIPE if it writes without end; status 255", async () => {
      expect(await headOf(...at.words(), "yes")).toMatchObject({
        status: 255,
        stderr: "nacre: the command was ended by signal PIPE [channel-closed]\n",
      });
    });

    test("on a terminal is hung up; status 255", async () => {
      expect(await headOf(...at.words("-tt"), "yes")).toMatchObject({
        status: 255,
        stderr: "Connection to 127.0.0.1 closed.\nnacre: the reader of the output went away [closed]\n",
      });
    });
  });

  test("defaults to a shell that reads standard input", async () => {
    const { stdout, stderr, status } = await nacre(at.words(), "tty; exit 5\n");
    expect(stdout.toString()).toContain("not a tty\n");
    expect(stderr).toBe("Pseudo-terminal will not be allocated because stdin is not a terminal.\n");
    expect(status).toBe(5);
  });
});

test("SIGUSR1 ends it, and opens no debugger", async () => {
  const child = start(commandLine([...at.words(), "echo ready; exec sleep 60"]));
  child.stdout.once("data", () => child.kill("SIGUSR1"));
  const [{ stderr }, [, signal]] = await Promise.all([ended(child), once(child, "exit")]);
  expect({ stderr, signal }).toEqual({ stderr: "", signal: "SIGUSR1" });
});

describe("a terminal", () => {
  test("is requested with -tt, and with -t only if standard input is a terminal", async () => {
    const { stdout, status } = await nacre([...at.words("-tt"), "tty; exit 6"]);
    expect(stdout.toString()).toMatch(/^\/dev\/pts\/\d+\r\n$/);
    expect(status).toBe(6);
    const once = await nacre([...at.words("-t"), "tty"]);
    expect(once.stdout.toString()).toBe("not a tty\n");
    expect(once.stderr).toContain("Pseudo-terminal will not be allocated because stdin is not a terminal.");
  });

  test("asks about the host and, without echo, for the password; passes on its size; is restored at the end", async () => {
    const known = join(at.folder, "known_at_the_terminal");
    const words = at.bareWords("--known-hosts", known);
    const command = quoted(commandLine(words));
    const terminal = new TestTerminal(
      `export NACRE_TEST_HOME='${at.folder}'; stty rows 40 cols 100; tty; before=$(stty -g); ${command}; echo "status $?"; test "$before" = "$(stty -g)" && echo restored`,
    );
    const device = (await terminal.until("\r\n")).trim();

    expect(await terminal.until("(yes/no/[fingerprint])? ")).toContain(
      `key fingerprint is: ${await fingerprintOfServer()}\r\n`,
    );
    terminal.type("yes\r");
    await terminal.until("alice@127.0.0.1's password: ");
    terminal.type("wrong\r");
    await terminal.until("Permission denied, please try again.\r\nalice@127.0.0.1's password: ");
    terminal.type(`${password()}\r`);

    // Type during the login: the password line has ended, and no shell runs yet.
    await terminal.until("\r\n");
    terminal.type("PS1=; echo $((40 + 2)); stty size\r");
    await terminal.until("42\r\n");
    expect(await terminal.until("\r\n")).toBe("40 100");
    execFileSync("stty", ["-F", device, "rows", "50", "cols", "132"]);
    terminal.type("while [ \"$(stty size)\" != '50 132' ]; do sleep 0.05; done; echo resi''zed\r");
    await terminal.until("resized\r\n");
    terminal.type("exit 7\r");
    await terminal.until("status 7\r\n");
    await terminal.until("restored");
    expect(await terminal.closed).toBe(0);
    expect(terminal.shown).not.toContain(password());
    expect(terminal.shown).not.toContain("wrong\r");
    expect(readFileSync(known, "utf8")).toMatch(
      new RegExp(`^\\[127\\.0\\.0\\.1\\]:${at.servers[0]!.port} ssh-ed25519 \\S+\\n$`),
    );
  });

  test("passes on the size of standard input, if no other stream is a terminal", async () => {
    const remote = "stty size; while [ \"$(stty size)\" != '50 132' ]; do sleep 0.05; done; echo resized";
    const command = quoted(commandLine([...at.words(), "-t", remote]));
    const terminal = new TestTerminal(`stty rows 40 cols 100; tty; ${command} 2>&1 | cat`);
    const device = (await terminal.until("\r\n")).trim();
    await terminal.until("40 100\r\n");
    execFileSync("stty", ["-F", device, "rows", "50", "cols", "132"]);
    await terminal.until("resized\r\n");
    expect(await terminal.closed).toBe(0);
  });

  test("gets the modes of the one on this side", async () => {
    const command = quoted(commandLine([...at.words("-t"), "stty -a"]));
    const terminal = new TestTerminal(`stty intr ^X erase ^H -ixon -iutf8; ${command}`);
    expect(await terminal.closed).toBe(0);
    for (const mode of ["intr = ^X;", "erase = ^H;", "-ixon", "-iutf8"]) expect(terminal.shown).toContain(mode);
  });

  test("is refused: a shell goes on without it, but not what -t asks for", async () => {
    const { port } = at.servers[1]!;
    const login = ["-p", `${port}`, "-i", at.keyFile, "--known-hosts", at.knownHosts, "alice@127.0.0.1"];
    const command = quoted(commandLine(login));
    const terminal = new TestTerminal(`${command}; echo "status $?"; ${command} -t; echo "status $?"`);
    await terminal.until("PTY allocation request failed on channel 0\r\n");
    terminal.type("tty; exit 7\r");
    await terminal.until("not a tty\r\n");
    await terminal.until("status 7\r\n");
    await terminal.until("PTY allocation request failed on channel 0\r\n");
    await terminal.until("status 255\r\n");
    expect(await terminal.closed).toBe(0);
  });

  test("passes on a size that changed while the command was stopped", async () => {
    const command = quoted(commandLine([...at.words(), "-tt"]));
    const terminal = new TestTerminal(
      `set -m; stty rows 40 cols 100; ${command}; stty rows 50 cols 132; fg > /dev/null; echo "status $?"`,
    );
    terminal.type("PS1=; stty size; exec sh\r");
    await terminal.until("40 100\r\n");
    terminal.type("\r~\x1a");
    await terminal.until("[suspend ssh]");
    terminal.type("while [ \"$(stty size)\" != '50 132' ]; do sleep 0.05; done; echo resi''zed; exit 7\r");
    await terminal.until("resized\r\n");
    await terminal.until("status 7\r\n");
    expect(await terminal.closed).toBe(0);
  });

  test("only on this side: a line typed during the login is the command's first input", async () => {
    const words = [...at.bareWords("--known-hosts", at.knownHosts), "head -n 1 | tr a-z A-Z"];
    const terminal = new TestTerminal(`export NACRE_TEST_HOME='${at.folder}'; ${quoted(commandLine(words))}`);
    await terminal.until("alice@127.0.0.1's password: ");
    terminal.type(`${password()}\r`);
    await terminal.until("\r\n");
    terminal.type("first line\r");
    await terminal.until("FIRST LINE\r\n");
    expect(await terminal.closed).toBe(0);
  });

  test("ends a loop of the shell by ^C at a question", async () => {
    const words = [...at.bareWords("--known-hosts", at.knownHosts), "true"];
    const terminal = new TestTerminal(
      `export NACRE_TEST_HOME='${at.folder}'; for i in 1 2; do ${quoted(commandLine(words))}; echo "after $i"; done`,
    );
    await terminal.until("alice@127.0.0.1's password: ");
    terminal.type("\x03");
    expect(await terminal.closed).not.toBe(0);
    expect(terminal.shown).not.toContain("after");
  });

  test("ignores a yes pasted before the question about the host", async () => {
    const known = join(at.folder, "known_pasted_yes");
    const command = quoted(commandLine(at.bareWords("--known-hosts", known)));
    const terminal = new TestTerminal(`export HOME='${at.folder}'; read go; ${command}; echo "status $?"`);
    terminal.type("go\ryes\ryes");
    // The system echoes input that it buffers for the next reader.
    await terminal.until("yes\r\nyes");
    await terminal.until("(yes/no/[fingerprint])? ");
    terminal.type("no\r");
    expect(await terminal.until("\r\n")).toBe("no");
    await terminal.until("status 255\r\n");
    expect(await terminal.closed).toBe(0);
    expect(existsSync(known)).toBe(false);
  });

  test("accepts a host by its fingerprint; a line pasted with it does not answer the password question", async () => {
    const known = join(at.folder, "known_fingerprint");
    const words = [...at.bareWords("--known-hosts", known), "echo logged in"];
    const terminal = new TestTerminal(`export HOME='${at.folder}'; ${quoted(commandLine(words))}`);
    await terminal.until("(yes/no/[fingerprint])? ");
    terminal.type(`${await fingerprintOfServer()}\rnot the password\r`);
    await terminal.until("alice@127.0.0.1's password: ");
    terminal.type(`${password()}\r`);
    expect(await terminal.until("logged in\r\n")).toBe("\r\n");
    expect(await terminal.closed).toBe(0);
    expect(readFileSync(known, "utf8")).toContain("ssh-ed25519");
  });

  test("opens and cancels a forward at the command line of ~C", async () => {
    const port = await freePort();
    const words = ["-o", "EnableEscapeCommandline=yes", ...at.words()];
    const terminal = new TestTerminal(`${quoted(commandLine(words))}; echo "status $?"`);
    terminal.type("echo $((40 + 2))\r");
    await terminal.until("42\r\n");
    const enter = async (line: string, said: string): Promise<void> => {
      terminal.type("\r~C");
      await terminal.until("ssh> ");
      terminal.type(`${line}\r`);
      await terminal.until(said);
    };
    const reached = (): Promise<boolean> =>
      new Promise((resolve) => {
        const socket = connect(port, "127.0.0.1", () => resolve(true));
        socket.on("error", () => resolve(false));
        onTestFinished(() => void socket.destroy());
      });
    await enter(`-L${port}:127.0.0.1:1`, "Forwarding port.");
    expect(await reached()).toBe(true);
    await enter(`-KL${port}`, "Canceled forwarding.");
    // ^C ends the question only.
    terminal.type("\r~C");
    await terminal.until("ssh> ");
    terminal.type("\x03");
    await terminal.until("\r\n");
    expect(await reached()).toBe(false);
    // Keys go to the server again.
    const over = `/tmp/nacre-over-${port}`;
    terminal.type(`echo $((50 + 5)); until test -e ${over}; do sleep 0.1; done; exit 3\r`);
    await terminal.until("55\r\n");
    terminal.type("\r~C");
    await terminal.until("ssh> ");
    // The session ends while a line is asked for.
    await containerExec(["touch", over]);
    await terminal.until("status 3\r\n");
    await terminal.closed;
  });

  test("asks whether new host keys of the server are added, and is the session's again", async () => {
    const several = await startSshd({ hostKeys: ["ed25519", "ecdsa-256"] });
    onTestFinished(() => several.stop());
    const known = join(at.folder, "known_several");
    const [line] = several.hostPublicKeys.filter((key) => key.startsWith("ssh-ed25519"));
    writeFileSync(known, `[127.0.0.1]:${several.port} ${line}\n`);
    const options = ["-i", at.keyFile, "--known-hosts", known, "-o", "UpdateHostKeys=ask"];
    const command = quoted(commandLine(["-p", `${several.port}`, ...options, "alice@127.0.0.1"]));
    const terminal = new TestTerminal(`export HOME='${at.folder}'; ${command}; echo "status $?"`);
    await terminal.until("Learned new hostkey: ECDSA SHA256:");
    await terminal.until("Accept updated hostkeys? (yes/no): ");
    terminal.type("yes\r");
    expect(await terminal.until("\r\n")).toBe("yes");
    terminal.type("PS1=; echo $((40 + 2))\r");
    await terminal.until("42\r\n");
    await expect.poll(() => readFileSync(known, "utf8"), { timeout: 20_000 }).toContain("ecdsa-sha2-nistp256");
    terminal.type("exit 7\r");
    await terminal.until("status 7\r\n");
    expect(await terminal.closed).toBe(0);
  });

  test("is closed by ~. when the command hangs", async () => {
    const terminal = new TestTerminal(`${quoted(commandLine(at.words()))}; echo "status $?"`);
    terminal.type("echo $((40 + 2)); sleep 1000\r");
    await terminal.until("42\r\n");
    terminal.type("\r~.");
    await terminal.until("[closed]");
    await terminal.until("status 255\r\n");
    await terminal.closed;
  });
});

test("accepts an ssh:// address like OpenSSH", async () => {
  const words = [
    "-i",
    at.keyFile,
    "--known-hosts",
    at.knownHosts,
    `ssh://alice@127.0.0.1:${at.servers[0]!.port}`,
    "echo in",
  ];
  expect(await nacre(words)).toMatchObject({ status: 0, stderr: "", stdout: Buffer.from("in\n") });
});

describe("the host key", () => {
  test("of an unknown host is refused, or accepted and remembered with --accept-new", async () => {
    const known = join(at.folder, "known_new_host");
    const words = ["-p", `${at.servers[0]!.port}`, "-i", at.keyFile, "--known-hosts", known];
    const refused = await nacre([...words, "alice@127.0.0.1", "true"]);
    expect(refused.status).toBe(255);
    expect(refused.stderr).toMatch(
      /^nacre: Host key verification failed\.\nnacre: .* SHA256:.*\[host-key-unknown\]\n$/,
    );
    expect(refused.stderr).toContain(await fingerprintOfServer());
    expect(refused.stderr).toContain(`connect once with --accept-new to add it to ${known} [`);
    const added = `Warning: Permanently added '[127.0.0.1]:${at.servers[0]!.port}' (ED25519) to the list of known hosts.\n`;
    const accepted = await nacre([...words, "--accept-new", "alice@127.0.0.1", "true"]);
    expect(accepted).toMatchObject({ status: 0, stderr: added });
    expect(await nacre([...words, "alice@127.0.0.1", "true"])).toMatchObject({ status: 0, stderr: "" });
  });

  test("may be pinned", async () => {
    const words = ["-p", `${at.servers[0]!.port}`, "-i", at.keyFile, "--known-hosts", "/nowhere", "--host-key"];
    const right = await fingerprintOfServer();
    expect(await nacre([...words, right, "alice@127.0.0.1", "true"])).toMatchObject({ status: 0, stderr: "" });
    const wrong = `SHA256:${"A".repeat(43)}`;
    const refused = await nacre([...words, wrong, "alice@127.0.0.1", "true"]);
    expect(refused.status).toBe(255);
    expect(refused.stderr).toMatch(/^nacre: Host key verification failed\.\nnacre: .*\[host-key-refused\]\n$/);
  });
});

/** Returns the port of a server that accepts connections and sends nothing, and does not keep the tests running. */
async function silentPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1").unref();
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

test("connects from the address of -b", async () => {
  expect(await nacre([...at.words("-b", "127.0.0.1"), "echo in"])).toMatchObject({ status: 0, stderr: "" });
});

describe("an error gives status 255, the line of ssh, and one line with its code", () => {
  test.each<[string, string, string, () => string[] | Promise<string[]>]>([
    [
      "a port without a listener",
      "connection-failed",
      "connect to host 127\\.0\\.0\\.1 port \\d+: Connection refused\n",
      async () => ["-p", `${await freePort()}`, ...at.words().slice(2), "true"],
    ],
    [
      "a silent server",
      "connect-timeout",
      "Connection timed out during banner exchange\nnacre: Connection to 127\\.0\\.0\\.1 port \\d+ timed out\n",
      async () => ["-o", "ConnectTimeout=1", "-p", `${await silentPort()}`, ...at.words().slice(2), "true"],
    ],
    ["an address of another machine", "connection-failed", "", () => [...at.words("-b", "192.0.2.1"), "true"]],
    [
      "a name without an address",
      "connection-failed",
      "Could not resolve hostname nosuch\\.invalid: Name or service not known\n",
      () => ["nosuch.invalid", "true"],
    ],
    [
      "a password needed without a terminal",
      "auth-failed",
      "nobody-here@127\\.0\\.0\\.1: Permission denied \\(publickey,password\\)\\.\n",
      () => [...at.words("-l", "nobody-here"), "true"],
    ],
    ["an unknown cipher", "usage", "Unknown cipher type 'rot13'\n", () => [...at.words("-c", "rot13"), "true"]],
    ["an unknown MAC", "usage", "Unknown mac type 'none'\n", () => [...at.words("-m", "none"), "true"]],
    ["an unknown option", "usage", "", () => ["--frobnicate", ...at.words()]],
    ["no host", "usage", "", () => ["-p", "22"]],
  ])("%s: %s", async (_, code, sshLines, words) => {
    const { status, stdout, stderr } = await nacre(await words());
    expect(status).toBe(255);
    expect(stdout.toString()).toBe("");
    expect(stderr).toMatch(new RegExp(`^${sshLines && `nacre: ${sshLines}`}nacre: [^\\n]+ \\[${code}\\]\\n$`));
  });

  test("reports both a refused key and the missing terminal to ask for a password", async () => {
    const wrong = join(at.folder, "wrong");
    const made = await nacre(["keygen", "-t", "ed25519", "-f", wrong, "-N", ""]);
    const fingerprint = /SHA256:\S+/.exec(made.stdout.toString())![0];
    const words = [...at.bareWords("-i", wrong, "--known-hosts", at.knownHosts), "true"];
    const { status, stderr } = await nacre(words);
    expect(status).toBe(255);
    expect(stderr).toMatch(/^nacre: alice@127\.0\.0\.1: Permission denied \(publickey,password\)\.\n/);
    expect(stderr).toMatch(/\nnacre: alice: the server refused publickey \([^\n]+ \[auth-failed\]\n$/);
    expect(stderr).toContain(fingerprint);
    expect(stderr).toContain("there is no terminal to ask for a password, so ");
    expect(stderr).not.toContain("given up");
  });

  test("reports a password that the server refused each time", async () => {
    const words = [...at.bareWords("--known-hosts", at.knownHosts), "true"];
    const terminal = new TestTerminal(`export HOME='${at.folder}'; ${quoted(commandLine(words))}; echo "status $?"`);
    for (let attempt = 1; attempt <= 3; attempt++) {
      await terminal.until("alice@127.0.0.1's password: ");
      terminal.type("wrong\r");
    }
    expect((await terminal.until("status 255\r\n")).trim()).toBe(
      "nacre: alice@127.0.0.1: Permission denied (publickey,password).\r\nnacre: alice: the server refused password (3 times); it accepts: publickey, password [auth-failed]",
    );
    expect(await terminal.closed).toBe(0);
  });

  test("reports an encrypted key without a terminal to ask for the passphrase, and goes on without it", async () => {
    const locked = join(at.folder, "locked");
    await nacre(["keygen", "-t", "ed25519", "-f", locked, "-N", "a passphrase"]);
    await authorizeKey("alice", readFileSync(`${locked}.pub`, "utf8"));
    const words = [...at.bareWords("-i", locked, "--known-hosts", at.knownHosts), "true"];
    const { status, stderr } = await nacre(words);
    expect(status).toBe(255);
    // As with ssh, the login goes on without the key.
    expect(stderr).toMatch(
      /^nacre: alice@127\.0\.0\.1: Permission denied \(publickey,password\)\.\nnacre: [^\n]+; cannot sign with SHA256:[^\n]+ \[auth-failed\]\n$/,
    );
  });

  test.each([
    ["large output", "head -c 3000000 /dev/zero; sleep 1000", ">"],
    ["a last line", "echo done", ">"],
    ["error output", "head -c 3000000 /dev/zero >&2; sleep 1000", "2>"],
  ])("reports %s that does not fit on the disk", async (_, command, redirection) => {
    const line = `${quoted(commandLine([...at.words(), command]))} ${redirection} /dev/full`;
    const { status, stderr } = await ended(start(["sh", "-c", line]));
    expect(status).toBe(255);
    // The message goes to standard error, too, so it is lost.
    expect(stderr).toMatch(
      redirection === "2>" ? /^$/ : /^nacre: cannot write standard output: ENOSPC[^\n]* \[file-unwritable\]\n$/,
    );
  });

  test("reports a server that disappears during a command", async () => {
    const lonely = await startSshd({ hostKeys: ["ed25519"] });
    const known = join(at.folder, "known_lonely");
    const words = ["-p", `${lonely.port}`, "-i", at.keyFile, "--known-hosts", known, "--accept-new", "alice@127.0.0.1"];
    const child = start(commandLine([...words, "echo begun; sleep 1000"]));
    child.stdout.once("data", () => void lonely.stop());
    const { status, stdout, stderr } = await ended(child);
    expect(stdout.toString()).toBe("begun\n");
    expect(stderr).toMatch(
      /^Warning: Permanently added [^\n]+\n((Connection to|Read from) [^\n]+\n)?nacre: [^\n]+ \[(connection-lost|disconnected)\]\n$/,
    );
    expect(status).toBe(255);
  });
});

test("--version and --help print to standard output", async () => {
  expect((await nacre(["--version"])).stdout.toString()).toMatch(/^nacre \d+\.\d+\.\d+\n$/);
  for (const [words, usage] of [
    [["--help"], "usage: nacre [option…] [user@]host"],
    [["-p", "22", "-h"], "usage: nacre [option…] [user@]host"],
    [["keygen", "--help"], "usage: nacre keygen -t"],
    [["serve", "--help"], "usage: nacre serve [option…]"],
    [["serve", "--port", "0", "-h"], "usage: nacre serve [option…]"],
  ] as const) {
    const { status, stdout, stderr } = await nacre(words);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.toString().startsWith(usage)).toBe(true);
  }
});

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
