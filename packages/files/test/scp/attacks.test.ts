import { downloadScp, uploadScp } from "@nacre/files/scp";
import { scpServer } from "@nacre/files/scp-server";
import { type FileSystem, memoryFileSystem } from "@nacre/files/server";
import { ScpSink } from "@nacre/sftp/scp";
import { FakeChannel } from "@nacre/testing/nacre/fake-channel";
import { MemoryLocalFiles } from "@nacre/testing/nacre/memory-local-files";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { served } from "@nacre/testing/nacre/wire";
import { utf8Encode } from "@nacre/wire";
import type { Channel, Client, Session } from "nacre";
import { expect, test } from "vitest";
import { quoteWord } from "../../src/scp/command.ts";
import { ScpChannel } from "../../src/scp/scp-channel.ts";
import { parseScpCommand } from "../../src/scp/server/parse-command.ts";
import { Tally } from "../../src/scp/tally.ts";
import { withMethods } from "../server/support.ts";
import { get, openScp, openScript, openSession, put, tree } from "./support.ts";

// The names of these tests are in packages/testing/src/attacks/rows/scp.ts.

function local(rules: "posix" | "windows" = "posix"): { readonly files: MemoryLocalFiles; readonly path: string } {
  return { files: new MemoryLocalFiles(rules), path: "/home/copy" };
}

/** Runs a command of scp and sends it a text, one character for each byte. Resolves with what it sent and its exit status. */
async function play(
  ssh: Client,
  command: string,
  sent: string,
): Promise<{ output: string; status: number | undefined }> {
  const input = Uint8Array.from(sent, (character) => character.charCodeAt(0));
  const { stdout, status } = await ssh.exec(command, { input });
  return { output: stdout, status };
}

test("scp: a downloaded name that is reserved here · client", async () => {
  const names = ["..\\up", "a\\b", "\\", "nul", "C:up", "dot.", "a*"];
  const entries = names.map((name) => `C0644 1 ${name}\nx\0`).join("");
  for (const [rules, refused] of [
    ["windows", names],
    ["posix", names.slice(0, 3)],
  ] as const) {
    const to = local(rules);
    // Files that are refused are not sent.
    const sent = names.map((name) => `C0644 1 ${name}\n${refused.includes(name) ? "" : "x\0"}`).join("");
    const { ssh } = await openScript(`D0755 0 d\n${sent}E\n`);
    const { failed } = await downloadScp(ssh, "d", to, { recursive: true, onError: "skip" });
    expect(failed.map(({ path, error }) => [path, error.code])).toEqual(
      refused.map((name) => [name, "file-unwritable"]),
    );
    expect(to.files.tree("/home/copy")).toEqual(
      names
        .filter((name) => !refused.includes(name))
        .map((name) => `${name}: x`)
        .toSorted(),
    );
  }
  const { ssh } = await openScript(`D0755 0 d\n${entries}E\n`);
  expect(await failure(downloadScp(ssh, "d", local(), { recursive: true }))).toEqual(code("file-unwritable"));

  // A name that would be the same file as an earlier one in its directory.
  const to = local("windows");
  const { ssh: other } = await openScript("D0755 0 d\nC0644 1 a\nx\0C0644 1 A\nD0755 0 b\nC0644 1 A\ny\0E\nE\n");
  const { failed } = await downloadScp(other, "d", to, { recursive: true, onError: "skip" });
  expect(failed.map(({ path }) => path)).toEqual(["A"]);
  expect(to.files.tree("/home/copy")).toEqual(["a: x", "b/", "b/A: y"]);
});

test("scp: files that were not requested · client", async () => {
  // CVE-2019-6111: a server that sends other files, more files, or a directory in place of the file.
  for (const sent of [
    "C0644 7 .bashrc\nhostile\0",
    "C0644 1 f\nx\0C0644 7 .bashrc\nhostile\0",
    "D0755 0 f\nC0644 7 .bashrc\nhostile\0E\n",
    "C0644 7 ../.bashrc\nhostile\0",
    "D0755 0 ..\n",
  ]) {
    const to = local();
    const { ssh } = await openScript(sent);
    expect(await failure(downloadScp(ssh, "dir/f", to))).toBeInstanceOf(Error);
    expect(to.files.tree("/home").filter((line) => line !== "copy: x")).toEqual([]);
  }
});

test("scp: a link inside a download that redirects later files · client", async () => {
  const to = local();
  for (const name of ["copy", "other"]) to.files.files.makeDirectory(`/home/${name}`);
  to.files.files.symlink("../other", "/home/copy/d");
  to.files.files.symlink("../other/g", "/home/copy/f");
  const { ssh } = await openScript("D0755 0 t\nC0644 1 f\nx\0D0755 0 d\nC0644 7 f\nhostile\0E\nE\n");
  expect(await failure(downloadScp(ssh, "t", to, { recursive: true }))).toEqual(code("file-unwritable"));
  // The link in place of a file is replaced.
  expect(to.files.tree("/home")).toEqual(["copy/", "copy/d -> ../other", "copy/f: x", "other/"]);
});

test("scp: a partial file that passes for the whole one · client", async () => {
  for (const sent of ["C0644 9 f\npart", "C0644 4 f\nzero\x01f: Input/output error\n", "C0644 4 f\nzero\x02gone\n"]) {
    const to = local();
    to.files.files.open("/home/copy", 0x0a).data = utf8Encode("old");
    const { ssh } = await openScript(sent);
    expect(await failure(downloadScp(ssh, "f", to))).toBeInstanceOf(Error);
    expect(to.files.tree("/home")).toEqual(["copy: old"]);
    const { ssh: whole } = await openScript("C0644 3 f\nnew\0");
    await downloadScp(whole, "f", to);
    expect(to.files.tree("/home")).toEqual(["copy: new"]);
  }
});

test("scp: a partial file that passes for the whole one · server", async () => {
  const files = memoryFileSystem();
  await put(files, "/f", "old");
  const seen: string[] = [];
  const watched = withMethods(files, {
    open: async (path, ...rest) => {
      const file = await files.open(path, ...rest);
      const close = file.close.bind(file);
      return Object.assign(file, {
        close: async () => {
          seen.push(String.fromCharCode(...(await get(files, "/f"))));
          await close();
        },
      });
    },
  });
  const { ssh } = await openScp(watched);
  for (const sent of ["C0644 9 f\npart", "C0644 4 f\nzero\x01f: Input/output error\n"]) {
    expect((await play(ssh, "scp -t f", sent)).status).toBe(1);
    expect(await tree(files, "/")).toEqual(["f: old"]);
  }
  expect(await play(ssh, "scp -t f", "C0644 3 f\nnew\0")).toEqual({ output: "\0\0\0", status: 0 });
  expect([await tree(files, "/"), seen]).toEqual([["f: new"], ["old", "old", "old"]]);
  // curl sends no report after the contents.
  expect(await play(ssh, "scp -pt f", "C0644 5 f\nnewer")).toEqual({ output: "\0\0\0", status: 0 });
  expect(await tree(files, "/")).toEqual(["f: newer"]);
});

test("scp: a file with set-user-ID · client", async () => {
  const to = local();
  const { ssh } = await openScript("C6755 1 f\nx\0");
  await downloadScp(ssh, "f", to, { preserve: true });
  expect(to.files.files.find("/home/copy").mode).toBe(0o755);
});

test("scp: a file with set-user-ID · server", async () => {
  const files = memoryFileSystem();
  const { ssh } = await openScp(files);
  expect((await play(ssh, "scp -p -t f", "T1 0 1 0\nC6755 1 f\nx\0")).status).toBe(0);
  expect((await files.stat("/f")).permissions).toBe(0o100_755);
});

test("scp: escape sequences in names and error output · client", async () => {
  const { ssh } = await openScript("\x01scp: \x1b]0;hostile\x07\n");
  const { ssh: silent } = await openScript("", { stderr: "\x1b[2Jnot found", status: 127 });
  const { ssh: named } = await openScript("D0755 0 f\nC0644 1 \x1b[2J\n\x01no\n");
  const options = { recursive: true } as const;
  for (const client of [ssh, silent, named]) {
    const error = (await failure(downloadScp(client, "f", local("windows"), options))) as Error;
    expect(error.message).toContain("\\x1b");
    expect(error.message).not.toContain("\x1b");
  }
});

test("scp: a path that is a command · client", async () => {
  // CVE-2020-15778.
  const plain = ["a", "dir/file-1.txt", "flash:x", "a@b=c,d+e%"];
  expect(plain.map(quoteWord)).toEqual(plain);
  for (const character of ' \t\n$`|&;<>()*?[]{}!#"~^\u00e9')
    expect(quoteWord(`a${character}b`)).toBe(`'a${character}b'`);
  expect(quoteWord("it's")).toBe("'it'\\''s'");
  expect(quoteWord("a\\b")).toBe("'a'\\\\'b'");
  expect(quoteWord("")).toBe("''");
  const { ssh, commands } = await openScript("");
  await failure(downloadScp(ssh, "f; touch '$(x)'", local()));
  await failure(uploadScp(ssh, { files: local().files, path: "/home" }, "`id`/x", { recursive: true }));
  expect(commands).toEqual(["scp -f 'f; touch '\\''$(x)'\\'''", "scp -r -d -t '`id`'"]);
});

test("scp: a command line that a shell would expand · server", () => {
  for (const flags of ["-t -p", "-pt", "-tp", "-p -t", "-qvtp -v", "-ptp --"])
    expect(parseScpCommand(`scp ${flags} a`), flags).toEqual({
      role: "sink",
      path: "a",
      recursive: false,
      preserve: true,
      isDirectory: false,
    });
  expect(parseScpCommand("scp -drf '-'")).toMatchObject({ role: "source", path: "-", isDirectory: true });
  const refused = [
    "a;b",
    "a|b",
    "a&b",
    "$(id)",
    "`id`",
    "$HOME",
    "a>b",
    "<a",
    "*",
    "a?",
    "[a]",
    "{a,b}",
    "~bob/x",
    "#a",
    "!a",
  ];
  const quoted = ['"$(id)"', '"`id`"', '"a\\b"', "'a", '"a', "a\\", "a\nb", "a\tb", "(a)", "a\\\nb"];
  for (const path of [...refused, ...quoted]) {
    expect(parseScpCommand(`scp -t ${path}`), path).toBeUndefined();
    expect(parseScpCommand(`scp -f ${path}`), path).toBeUndefined();
  }
  const others = [
    "scp",
    "scp -t",
    "scp -f",
    "scp a",
    "scp -t a b",
    "scp -f -- ",
    "scp -S x -f a",
    "scp -o x -t a",
    "scp -rxt a",
  ];
  const more = [
    "scp -t -f a",
    "scp -tf a",
    "scp a -t",
    "scp -t --",
    "scp -t -x",
    "/usr/bin/scp -t a",
    "SCP -t a",
    "scp -t ''",
    "scp -t a; id",
    "id; scp -t a",
  ];
  for (const command of [...others, ...more, ""]) expect(parseScpCommand(command), command).toBeUndefined();
});

test("scp: a command of scp that is not understood · server", async () => {
  const refused = [
    "scp -t *",
    "scp -t a b",
    "scp -S x -pf a",
    "scp -l 9 a b",
    "/usr/bin/scp -pt a",
    "'scp' -x -t a",
    "s\\cp -t *",
    "SCP -t a",
    "cd /; scp -qt a",
    "A=1 exec /usr/bin/scp\t-pf a",
    "x && `which scp` -rf a",
    "sh -c 'scp -t a'",
  ];
  const left = ["", "ls", "grep scp a", "cat scp", "scp.sh -t a", "my-scp -t a", "ls -t scp"];
  const files = memoryFileSystem();
  const passed: string[] = [];
  for (const settings of [{}, { readOnly: true }, { passUnparsed: true }]) {
    passed.length = 0;
    const scp = scpServer(files, settings);
    const { ssh } = await openSession((session) => {
      const answered = scp(session);
      if (answered === undefined) passed.push(session.command ?? "");
      return answered ?? 127;
    });
    const outcomes: unknown[] = [];
    for (const command of [...refused, ...left]) outcomes.push(await play(ssh, command, ""));
    const passes = settings.passUnparsed === true;
    const text = "\x02scp: this server takes one path without wildcards, and no terminal\n";
    expect(passed).toEqual([...(passes ? refused : []), ...left]);
    expect(outcomes).toEqual([
      ...refused.map(() => (passes ? { output: "", status: 127 } : { output: text, status: 1 })),
      ...left.map(() => ({ output: "", status: 127 })),
    ]);
  }
  const scp = scpServer(files);
  const session = (session: Session): Promise<number> | number => scp(session) ?? 127;
  // A terminal leads to no other program.
  const terminal = await served({ acceptPty: true, session });
  expect(await (await terminal.client.spawn("scp -t a", { pty: true })).exit).toMatchObject({ status: 1 });
  await terminal.client.close();
  // A forced command is that of the key's owner.
  const forced = { permissions: { command: "/usr/bin/scp -t /srv" } };
  const { client } = await served({ authenticate: () => forced, session });
  expect((await client.exec("scp -f /etc/passwd")).status).toBe(127);
  await client.close();
});

test("scp: entries without an end · client", async () => {
  const sent = `D0755 0 t\n${Array.from({ length: 4 }, (_, i) => `C0644 1 ${i}\nx\0`).join("")}E\n`;
  const to = local();
  const options = { recursive: true, onError: "skip", maxFiles: 3 } as const;
  expect(await failure(downloadScp((await openScript(sent)).ssh, "t", to, options))).toEqual(code("output-limit"));
  expect(to.files.tree("/home")).toEqual(["copy/", "copy/0: x", "copy/1: x", "copy/2: x"]);
  expect(to.files.openCount).toBe(0);
  const whole = await downloadScp((await openScript(sent)).ssh, "t", to, { ...options, maxFiles: 4 });
  expect(whole).toMatchObject({ files: 4 });

  const tally = new Tally({ onError: "skip" }, { call: "download" }, 2);
  tally.skip("a", "filter");
  tally.skip("b", "filter");
  expect(() => tally.skip("c", "filter")).toThrow(expect.objectContaining({ code: "output-limit" }));
  expect(() => tally.directory()).toThrow(expect.objectContaining({ code: "output-limit" }));
});

test("scp: a flood to a slow file system · server", async () => {
  const machine = new ScpSink();
  const channel = new FakeChannel();
  const scp = new ScpChannel(machine);
  scp.start(channel as unknown as Channel);
  machine.accept();
  scp.data(0, utf8Encode("C0644 3000000 f\n"));
  expect(await scp.next()).toMatchObject({ type: "file" });
  machine.accept();
  const line = channel.consumedBytes;
  for (let i = 0; i < 30; i++) scp.data(0, new Uint8Array(100_000));
  expect(await scp.next()).toMatchObject({ type: "data" });
  // Credit for the one chunk that was passed on.
  expect(channel.consumedBytes - line).toBe(100_000);
});

test("scp: a change on a read-only server · server", async () => {
  const files = memoryFileSystem();
  await put(files, "/f", "old");
  const { ssh } = await openScp(files, { readOnly: true });
  for (const [command, sent] of [
    ["scp -t f", "C0644 3 f\nnew\0"],
    ["scp -r -t .", "D0755 0 d\nE\n"],
    ["scp -r -p -d -t .", "T1 0 1 0\nD0755 0 d\nE\n"],
  ] as const) {
    const { output, status } = await play(ssh, command, sent);
    expect([output, status]).toEqual([expect.stringMatching(/^\p{Cc}scp: .*: Permission denied\n$/u), 1]);
  }
  expect(await tree(files, "/")).toEqual(["f: old"]);
  expect((await play(ssh, "scp -f f", "\0\0\0")).output).toBe("C0644 3 f\nold\0");
});

test("scp: the text of a fault · server", async () => {
  const log: unknown[] = [];
  const broken = withMethods(memoryFileSystem(), {
    stat: () => Promise.reject(new Error("secret of the server")),
  });
  const { ssh } = await openScp(broken, { log: (event) => log.push(event) });
  expect((await play(ssh, "scp -f f", "\0")).output).toBe("\x01scp: f: Failure\n");
  expect((await play(ssh, "scp -t f", "")).output).toBe("\x02scp: f: Failure\n");
  expect(log).toMatchObject([
    { type: "failed", path: "f", error: { message: "secret of the server" } },
    { type: "failed", path: "f" },
  ]);
});

test("scp: an upload through a link, or of a directory without -r · server", async () => {
  const files: FileSystem & ReturnType<typeof memoryFileSystem> = memoryFileSystem();
  for (const name of ["/in", "/other"]) await files.mkdir(name, {});
  await files.symlink("/other", "/in/d");
  await files.symlink("/other/g", "/in/f");
  const { ssh } = await openScp(files);
  const linked = await play(ssh, "scp -r -t in", "D0755 0 d\nC0644 7 f\nhostile\0");
  expect(linked.output.startsWith("\0\x01scp: d: Not a directory\n")).toBe(true);
  expect((await play(ssh, "scp -t in", "C0644 1 f\nx\0")).status).toBe(0);
  expect((await play(ssh, "scp -t in", "D0755 0 new\n")).output).toBe("\0\x01scp: new: Is a directory\n");
  expect(await tree(files, "/other")).toEqual([]);
  expect(await tree(files, "/in")).toEqual(["d@", expect.stringMatching(/^f: /)]);
});

test("scp: an upload in place of a device · server", async () => {
  const files = memoryFileSystem();
  await put(files, "/f", "kept");
  for (const type of [0o020_000, 0o060_000, 0o010_000, 0o140_000]) {
    const device = withMethods(files, {
      lstat: async (path) => {
        const attributes = await files.lstat(path);
        return path === "f" ? { ...attributes, permissions: type | 0o600 } : attributes;
      },
    });
    const { ssh } = await openScp(device);
    const { output, status } = await play(ssh, "scp -t f", "C0644 1 f\n");
    expect([output, status]).toEqual(["\0\x01scp: f: Operation not permitted\n", 1]);
    expect(await tree(files, "/")).toEqual(["f: kept"]);
  }
});

test("scp: directories below each other without a bound · server", async () => {
  const files = memoryFileSystem();
  let path = "";
  for (let depth = 0; depth < 258; depth++) await files.mkdir((path += "/d"), {});
  await put(files, `${path}/f`, "x");
  const { ssh } = await openScp(files);
  // One answer for each directory's beginning and end, and the first.
  const { output, status } = await play(ssh, "scp -rf d", "\0".repeat(2 * 256 + 1));
  expect(output.match(/D0755 0 d\n/g)).toHaveLength(256);
  expect(output).toContain("\x01scp: d: too many directories below each other\n");
  expect([output.match(/E\n/g)?.length, output.includes("C0644"), status]).toEqual([256, false, 1]);
});

test("scp: links in a circle · server", async () => {
  const files = memoryFileSystem();
  await files.mkdir("/t", {});
  await put(files, "/t/f", "x");
  await files.symlink("..", "/t/up");
  await files.symlink(".", "/t/same");
  const { ssh } = await openScp(files);
  const to = local();
  const { failed, files: count } = await downloadScp(ssh, "t", to, { recursive: true, onError: "skip" });
  expect(failed.map(({ error }) => error.message)).toEqual(
    expect.arrayContaining([expect.stringContaining("same: Too many symbolic links")]),
  );
  // "up" is the root, whose "t" is the directory itself.
  expect([count, to.files.tree("/home/copy")]).toEqual([1, ["f: x", "up/"]]);
});
