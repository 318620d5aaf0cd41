import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { memoryFileSystem, sftpServer } from "@nacre/files/server";
import { generateEd25519 } from "@nacre/keys";
import { listen } from "@nacre/node";
import { describe, expect, onTestFinished, test } from "vitest";
import { commandLine, ended, nacre, start, TestTerminal } from "./nacre.ts";
import { quoted, useSshd } from "./sshd-login.ts";

// `nacre sftp` against OpenSSH's sftp-server: batches, and a session in a terminal.

const server = useSshd();

/** Makes a directory on each side. */
async function folders(): Promise<{ readonly local: string; readonly remote: string }> {
  const local = await mkdtemp(join(server.folder, "local-"));
  return { local, remote: await server.run("mktemp -d /tmp/nacre-sftp-XXXXXX") };
}

/** Runs a batch, which begins in the directory on the server. */
function batch(remote: string, lines: readonly string[], options: readonly string[] = []) {
  return nacre(["sftp", ...server.login, ...options, "-b", "-", `alice@127.0.0.1:${remote}`], `${lines.join("\n")}\n`);
}

describe("a batch", () => {
  test("runs every kind of command, prints its lines, and gives status 0", async () => {
    const { local, remote } = await folders();
    writeFileSync(join(local, "one"), "1");
    mkdirSync(join(local, "tree"));
    writeFileSync(join(local, "tree", "a b"), "in the tree", { mode: 0o600 });
    utimesSync(join(local, "tree", "a b"), 1_600_000_000, 1_500_000_000);
    const lines = [
      `lcd ${local}`,
      "put one",
      "put -f one 'second name'",
      "@put -rp tree",
      "ls -1",
      "mkdir d",
      "rename 'second name' d/second",
      "ln -s one soft",
      "ln one hard",
      "cp one copy",
      "chmod -h 600 copy",
      "ls -1 d*",
      "# a comment",
      "",
      "get -f 'tree/a b' back",
      "-rm nope",
      "rm hard",
      "cd tree",
      "pwd",
      "!printf from-the-shell",
      "quit",
      "rm ../one",
    ];
    const { status, stdout, stderr } = await batch(remote, lines);
    expect(stderr).toBe(`nacre: unlink "${remote}/nope": no such file; check the path [sftp-no-such-file]\n`);
    expect(stdout.toString().split("\n")).toEqual([
      ...lines.slice(0, 3).map((line) => `sftp> ${line}`),
      "sftp> ls -1",
      "one",
      "second name",
      "tree",
      ...lines.slice(5, 12).map((line) => `sftp> ${line}`),
      "d/second",
      ...lines.slice(12, 19).map((line) => `sftp> ${line}`),
      `Remote working directory: ${remote}/tree`,
      "sftp> !printf from-the-shell",
      "from-the-shellsftp> quit",
      "",
    ]);
    expect(status).toBe(0);
    expect(
      await server.run(`cd ${remote} && ls && readlink soft && stat -c '%a' copy && stat -c '%a %Y' 'tree/a b'`),
    ).toBe("copy\nd\none\nsoft\ntree\none\n600\n600 1500000000");
    expect(readFileSync(join(local, "back"), "utf8")).toBe("in the tree");
  });

  test("stops at the first command that fails, with status 1", async () => {
    const { remote } = await folders();
    const { status, stdout, stderr } = await batch(remote, ["mkdir a", "rmdir nope", "mkdir b"]);
    expect([status, stdout.toString()]).toEqual([1, "sftp> mkdir a\nsftp> rmdir nope\n"]);
    expect(stderr).toBe(`nacre: rmdir "${remote}/nope": no such file; check the path [sftp-no-such-file]\n`);
    expect(await server.run(`ls ${remote}`)).toBe("a");
  });

  test("is read from a file; a missing file is an error", async () => {
    const { local, remote } = await folders();
    writeFileSync(join(local, "batch"), `cd ${remote}\r\nmkdir from-file\r\n`);
    const words = ["sftp", ...server.login, "-b"];
    expect(await nacre([...words, join(local, "batch"), "alice@127.0.0.1"])).toMatchObject({ status: 0, stderr: "" });
    expect(await server.run(`ls ${remote}`)).toBe("from-file");
    const missing = await nacre([...words, join(local, "nope"), "alice@127.0.0.1"]);
    expect(missing.status).toBe(255);
    expect(missing.stderr).toMatch(/^nacre: cannot read the batch: .*ENOENT.* \[file-unreadable\]\n$/);
  });

  test("asks nothing: an unknown host is refused", async () => {
    const words = ["sftp", "-P", `${server.port}`, "--known-hosts", "/dev/null", "-b", "-", "alice@127.0.0.1"];
    const { status, stderr } = await nacre(words, "pwd\n");
    expect([status, stderr.split("\n").length]).toEqual([255, 2]);
    expect(stderr).toContain("[host-key-unknown]");
  });

  test("ls -l shows names of owners, df the file system; globs and quotes are those of sftp(1)", async () => {
    const { remote } = await folders();
    await server.run(`cd ${remote} && printf 123 > x.txt && touch '*.txt' y.txt && chmod 640 x.txt && mkdir s`);
    const { status, stdout } = await batch(remote, [
      "ls -l x.txt",
      "ls -1 ?.txt",
      "ls -1 '*.txt'",
      "df",
      "ls -ln x.txt",
    ]);
    expect(status).toBe(0);
    const lines = stdout.toString().trimEnd().split("\n");
    expect(lines[1]).toMatch(/^-rw-r----- {4}\? alice {4}alice {11}3 \w{3} [ \d]\d \d\d:\d\d x\.txt$/);
    expect(lines.slice(2, 7)).toEqual(["sftp> ls -1 ?.txt", "*.txt", "x.txt", "y.txt", "sftp> ls -1 '*.txt'"]);
    expect(lines[7]).toBe("*.txt");
    expect(lines[9]?.trim().split(/\s+/)).toEqual(["Size", "Used", "Avail", "(root)", "%Capacity"]);
    expect(lines[10]).toMatch(/^ +\d+ +\d+ +\d+ +\d+ +\d+%$/);
    expect(lines[12]).toMatch(/^-rw-r----- {4}\? \d+ +\d+ +3 /);
  });

  test("resumes with reget and reput what an ended transfer left", async () => {
    const { local, remote } = await folders();
    // Half a minute at the limit, so that it is ended before on a slow machine too.
    const bytes = randomBytes(15_000_000);
    writeFileSync(join(local, "file"), bytes);
    const child = server.start([
      "sftp",
      ...server.login,
      "--limit",
      "400K",
      "-a",
      "-b",
      "-",
      `alice@127.0.0.1:${remote}`,
    ]);
    child.process.stdin.end(`put ${join(local, "file")}\n`);
    await expect
      .poll(() => server.run(`find ${remote} -name '.file.nacre-*' -size +100k`), { timeout: 20_000 })
      .not.toBe("");
    child.process.kill("SIGTERM");
    expect((await child.ended).signal).toBe("SIGTERM");
    const lines = [`reput ${join(local, "file")}`, `reget file ${join(local, "back")}`, "ls -1a ."];
    const { status, stdout, stderr } = await batch(remote, lines);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout.toString()).toMatch(/sftp> ls -1a \.\n\.\/\.\n\.\/\.\.\n\.\/file\n$/);
    expect(readFileSync(join(local, "back")).equals(bytes)).toBe(true);
  });
});

test("commands from a pipe run to the end in spite of errors, and announce transfers", async () => {
  const { local, remote } = await folders();
  writeFileSync(join(local, "f"), "x");
  const { status, stdout, stderr } = await nacre(
    ["sftp", ...server.login, `alice@127.0.0.1:${remote}`],
    `foo\nput ${join(local, "f")}\n`,
  );
  expect(status).toBe(0);
  expect(stderr).toBe('nacre: unknown command "foo"; type help for a list of commands [usage]\n');
  expect(stdout.toString()).toBe(
    `sftp> foo\nsftp> put ${join(local, "f")}\nUploading ${join(local, "f")} to ${remote}/f\n`,
  );
});

test("a path that is a file is fetched, to a name or into the current directory", async () => {
  const { local, remote } = await folders();
  await server.run(`printf contents > ${remote}/f`);
  const { status, stdout } = await nacre([
    "sftp",
    ...server.login,
    `sftp://alice@127.0.0.1:${server.port}/${remote}/f`,
    join(local, "g"),
  ]);
  expect([status, stdout.toString()]).toEqual([0, `Fetching ${remote}/f to ${join(local, "g")}\n`]);
  expect(readFileSync(join(local, "g"), "utf8")).toBe("contents");
  const missing = await nacre(["sftp", ...server.login, `alice@127.0.0.1:${remote}/nope`, join(local, "h")]);
  expect(missing).toMatchObject({ status: 1, stderr: expect.stringContaining("[sftp-no-such-file]") as string });
  expect(readdirSync(local)).toEqual(["g"]);
});

test("in a terminal: prompt, completion, history, progress, a shell command, Ctrl-C, and a restored terminal", async () => {
  const { local, remote } = await folders();
  await server.run(`cd ${remote} && mkdir 'some directory' && head -c 6000000 /dev/zero > 'some directory/large'`);
  const command = quoted(commandLine(["sftp", ...server.login, "--limit", "300K", `alice@127.0.0.1:${remote}`]));
  const terminal = new TestTerminal(
    `trap : INT; stty rows 24 cols 80; cd '${local}'; before=$(stty -g); ${command}; echo "status $?"; test "$before" = "$(stty -g)" && echo restored`,
  );
  await terminal.until("Connected to 127.0.0.1.\r\n");
  await terminal.until("sftp> ");
  terminal.type("cd so\t");
  await terminal.until("me\\ directory/");
  terminal.type("\r");
  await terminal.until("sftp> ");
  terminal.type("pwd\r");
  await terminal.until(`Remote working directory: ${remote}/some directory\r\n`);
  terminal.type("\x1b[A\r");
  await terminal.until(`Remote working directory: ${remote}/some directory\r\n`);
  await terminal.until("sftp> ");
  terminal.type("get la");
  await terminal.until("get la");
  terminal.type("\t");
  await terminal.until("rge ");
  terminal.type("\r");
  await terminal.until(`Fetching ${remote}/some directory/large to ${local}/large\r\n`);
  await terminal.until("% [=");
  terminal.type("\x03");
  await terminal.until("[aborted]\r\n");
  await terminal.until("sftp> ");
  expect(readdirSync(local)).toEqual([]);
  // The shell reads from the terminal, which is in its usual mode.
  terminal.type('!echo rea"d"y; read line; echo "got $line"\r');
  await terminal.until("ready\r\n");
  terminal.type("typed\r");
  await terminal.until("got typed\r\n");
  await terminal.until("sftp> ");
  terminal.type("bye\r");
  await terminal.until("status 0\r\n");
  await terminal.until("restored\r\n");
});

test("the end of the connection ends a session, with status 255 and one line", async () => {
  const memory = await listen({
    port: 0,
    hostKeys: [generateEd25519((length) => new Uint8Array(length).fill(7))],
    authenticate: () => true,
    subsystems: { sftp: sftpServer(memoryFileSystem()) },
  });
  onTestFinished(() => memory.close());
  const known = join(server.folder, "known_in_memory");
  const options = ["-P", `${memory.address.port}`, ...server.login.slice(2, 4), "--known-hosts", known, "--accept-new"];
  const child = start(commandLine(["sftp", ...options, "alice@127.0.0.1"]));
  const end = ended(child);
  let shown = "";
  child.stdout.on("data", (chunk: Buffer) => {
    shown += chunk.toString();
  });
  child.stdin.write("pwd\n");
  await expect.poll(() => shown, { timeout: 20_000 }).toContain("directory: /\n");
  await memory.close({ grace: 0 });
  child.stdin.write("ls\n");
  const { status, stdout, stderr } = await end;
  expect([status, stdout.toString()]).toEqual([255, "sftp> pwd\nRemote working directory: /\nsftp> ls\n"]);
  expect(stderr).toMatch(
    /^Warning: Permanently added .*\n(?:nacre: .*\n)?nacre: .* \[(?:closed|connection-lost|disconnected)\]\n$/,
  );
});

test("--help lists every option", async () => {
  const { stdout, status } = await nacre(["sftp", "--help"]);
  expect(status).toBe(0);
  for (const option of ["-b", "-r", "-p", "-a", "--limit", "-q", "-i", "-P", "-J", "--kex"])
    expect(stdout.toString()).toMatch(new RegExp(`(?:^ {2}|, )${option}\\b`, "m"));
});
