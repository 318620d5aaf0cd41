import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { LocalFiles } from "@nacre/files";
import { expectMode } from "@nacre/testing/windows";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { type OpenSession, openSession } from "./support.ts";

/** Opens a session in a directory with four files and a directory. */
async function listed(): Promise<OpenSession> {
  const opened = await openSession();
  const { sftp } = opened.session;
  for (const [name, size, time] of [
    ["b.txt", 5, 300],
    ["a.txt", 3000, 100],
    [".hidden", 1, 200],
    ["日本語.txt", 0, 250],
  ] as const) {
    await sftp.writeFile(`/home/${name}`, "x".repeat(size));
    await sftp.utimes(`/home/${name}`, time, time);
    await sftp.chmod(`/home/${name}`, 0o640);
  }
  await sftp.mkdir("/home/dir", 0o755);
  await sftp.writeFile("/home/dir/inner", "");
  await sftp.utimes("/home/dir", 50, 50);
  return opened;
}

describe("ls", () => {
  test("prints names in columns of the terminal, by their width, without hidden ones", async () => {
    const { run } = await listed();
    expect(await run("ls")).toBe("a.txt        b.txt        dir\n日本語.txt\n");
  });

  test.each([
    ["ls -1", ["a.txt", "b.txt", "dir", "日本語.txt"]],
    ["ls -1r", ["日本語.txt", "dir", "b.txt", "a.txt"]],
    ["ls -1a", [".", "..", ".hidden", "a.txt", "b.txt", "dir", "日本語.txt"]],
    ["ls -1t", ["b.txt", "日本語.txt", "a.txt", "dir"]],
    ["ls -1rt", ["dir", "a.txt", "日本語.txt", "b.txt"]],
    ["ls -1S *.txt", ["a.txt", "b.txt", "日本語.txt"]],
    ["ls -1 dir", ["dir/inner"]],
    ["ls -1 /home/dir", ["/home/dir/inner"].map((path) => path.replace("/home/", ""))],
    ["ls -1 ../home/dir", ["../home/dir/inner"]],
    ["ls -1 d*", ["dir/inner"]],
    ["ls -1 [ab].txt", ["a.txt", "b.txt"]],
    ["ls -1 {b,a}.txt", ["a.txt", "b.txt"]],
    ["ls -1 */inner", ["dir/inner"]],
    ["ls -1 .h*", [".hidden"]],
  ])("%s", async (line, names) => {
    const { run } = await listed();
    expect(await run(line)).toBe(`${names.join("\n")}\n`);
  });

  test("-l prints mode, owner, group, size, time and name; -h sizes with units", async () => {
    const { run } = await listed();
    const [line = "", ...others] = (await run("ls -l a.txt")).split("\n");
    expect(others).toEqual([""]);
    expect(line).toMatch(/^-rw-r----- {4}\? 1000 {5}100 {10}3000 Jan {2}1 {2}1970 a\.txt$/);
    expect(await run("ls -lh a.txt")).toMatch(/ 2\.9K Jan {2}1 {2}1970 a\.txt\n$/);
    expect((await run("ls -l")).split("\n").find((row) => row.endsWith(" dir"))).toMatch(/^drwxr-xr-x {4}\? 1000/);
  });

  test("lists what links lead to, and a link that leads nowhere itself", async () => {
    const { run, session } = await listed();
    await session.sftp.symlink("a.txt", "/home/to-file");
    await session.sftp.symlink("nowhere", "/home/to-nothing");
    for (const word of ["to-nothing", "*-nothing"]) expect(await run(`ls -1 ${word}`)).toBe("to-nothing\n");
    const [file = "", nothing = ""] = (await run("ls -l to-*")).split("\n");
    expect(file).toMatch(/^-rw-r----- .* 3000 .* to-file$/);
    expect(nothing).toMatch(/^lrwxrwxrwx .* to-nothing$/);
  });

  test("reports a missing file, and a pattern without a match", async () => {
    const { run } = await listed();
    expect(await run("ls nope")).toMatch(/^nacre: stat "\/home\/nope": no such file.* \[sftp-no-such-file\]\n$/);
    expect(await run("ls *.zip")).toBe('nacre: "*.zip" matches no file [sftp-no-such-file]\n');
  });
});

describe("directories", () => {
  test("cd, pwd, lcd and lpwd change and show where paths begin", async () => {
    const { run, folder } = await openSession();
    expect(await run("mkdir 'a b'")).toBe("");
    expect(await run("cd a\\ b")).toBe("");
    expect(await run("pwd")).toBe("Remote working directory: /home/a b\n");
    await run("mkdir inner");
    await run("cd in*");
    await run("cd ..");
    expect(await run("pwd")).toBe("Remote working directory: /home/a b\n");
    await run("cd");
    expect(await run("pwd")).toBe("Remote working directory: /home\n");

    expect(await run("lmkdir sub")).toBe("");
    expect(await run("lmkdir sub")).toMatch(/^nacre: cannot make the directory .*: it exists \[file-unwritable\]\n$/);
    await run("lcd sub");
    expect(await run("lpwd")).toBe(`Local working directory: ${join(folder, "sub")}\n`);
    await run("lcd");
    expect(await run("lpwd")).toBe(`Local working directory: ${homedir()}\n`);
  });

  test("cd and lcd refuse files and what is missing, and stay", async () => {
    const { run, session, folder } = await openSession();
    await session.sftp.writeFile("/home/file", "");
    await writeFile(join(folder, "file"), "");
    expect(await run("cd file")).toBe('nacre: "/home/file" is not a directory [usage]\n');
    expect(await run("cd nope")).toContain("[sftp-no-such-file]");
    expect(await run("lcd file")).toBe(`nacre: "${join(folder, "file")}" is not a directory [usage]\n`);
    expect(await run("lcd nope")).toContain("[file-unreadable]");
    expect([session.directory, session.localDirectory]).toEqual(["/home", folder]);
  });

  test("rmdir removes an empty directory only", async () => {
    const { run, session } = await openSession();
    await session.sftp.mkdir("/home/d/e", { recursive: true });
    expect(await run("rmdir d")).toContain("[sftp-failure]");
    expect(await run("rmdir d/e")).toBe("");
    expect(await session.sftp.readdir("/home/d")).toEqual([]);
  });
});

describe("files", () => {
  test("rm removes all files that match, and says so", async () => {
    const { run, session } = await openSession();
    for (const name of ["a1", "a2", "b1", "*"]) await session.sftp.writeFile(`/home/${name}`, "");
    expect(await run("rm '*'")).toBe("Removing /home/*\n");
    expect(await run("rm a?")).toBe("Removing /home/a1\nRemoving /home/a2\n");
    expect(await session.sftp.readdir("/home")).toEqual(["b1"]);
  });

  test("a command goes on behind an error, and prints each error once", async () => {
    const { run, session } = await openSession();
    await session.sftp.mkdir("/home/a1");
    await session.sftp.mkdir("/home/a2");
    await session.sftp.writeFile("/home/a3", "");
    const lines = (await run("rm a*")).trimEnd().split("\n");
    expect(lines.map((line) => line.replace(/: .*/, ""))).toEqual([
      "Removing /home/a1",
      "nacre",
      "Removing /home/a2",
      "nacre",
      "Removing /home/a3",
    ]);
    expect(await session.sftp.readdir("/home")).toEqual(["a1", "a2"]);
  });

  test("rename, cp, ln and symlink", async () => {
    const { run, session } = await openSession();
    const { sftp } = session;
    await sftp.writeFile("/home/a", "contents");
    expect(await run("rename a 'new name'")).toBe("");
    expect(await run('cp "new name" copy')).toBe("");
    expect(await run("ln copy hard")).toBe("");
    expect(await run("ln -s copy soft")).toBe("");
    expect(await run("symlink ../x softer")).toBe("");
    expect(await sftp.readFile("/home/hard", "utf8")).toBe("contents");
    expect(await sftp.readlink("/home/soft")).toBe("copy");
    expect(await sftp.readlink("/home/softer")).toBe("../x");
    expect((await sftp.readdir("/home")).sort()).toEqual(["copy", "hard", "new name", "soft", "softer"]);
  });

  test("chmod, chown and chgrp change one thing and keep the rest", async () => {
    const { run, session } = await openSession();
    const { sftp } = session;
    await sftp.writeFile("/home/a", "");
    expect(await run("chmod 600 a")).toBe("Changing mode on /home/a\n");
    expect(await run("chown 7 a")).toBe("Changing owner on /home/a\n");
    expect(await sftp.stat("/home/a")).toMatchObject({ uid: 7, gid: 100, mode: 0o100_600 });
    expect(await run("chgrp 8 a")).toBe("Changing group on /home/a\n");
    await sftp.symlink("a", "/home/l");
    expect(await run("chown -h 9 l")).toBe("Changing owner on /home/l\n");
    expect(await sftp.stat("/home/a")).toMatchObject({ uid: 7, gid: 8, mode: 0o100_600 });
    expect(await run("chmod -h 500 l")).toBe("Changing mode on /home/l\n");
    expect(await sftp.stat("/home/a")).toMatchObject({ uid: 7, gid: 8, mode: 0o100_600 });
    expect(await sftp.lstat("/home/l")).toMatchObject({ uid: 9, mode: 0o120_500 });
  });

  test.each([
    ["chmod u+x a", 'invalid mode "u+x"'],
    ["chmod 9 a", 'invalid mode "9"'],
    ["chown bob a", 'invalid owner "bob"'],
    ["chgrp 4294967296 a", 'invalid group "4294967296"'],
  ])("%s is refused", async (line, message) => {
    const { run } = await openSession();
    expect(await run(line)).toContain(`nacre: ${message}`);
  });

  test("df shows size, used and free, in KiB, with units, or inodes", async () => {
    const { run } = await openSession();
    const [head = "", row = "", ...rest] = (await run("df")).split("\n");
    expect(rest).toEqual([""]);
    expect(head.trim().split(/\s+/)).toEqual(["Size", "Used", "Avail", "(root)", "%Capacity"]);
    expect(row).toMatch(/^ +65536 +0 +65536 +65536 +0%$/);
    expect(await run("df -h /")).toMatch(/ 64M +0B +64M +64M +0%\n$/);
    expect(await run("df -i")).toMatch(/Inodes .*\n +100000 +\d +\d+ +\d+ +0%\n$/);
  });
});

describe("get and put", () => {
  test("move files both ways, to other names and into directories", async () => {
    const { run, session, folder } = await openSession();
    const { sftp } = session;
    await sftp.writeFile("/home/a.txt", "one");
    await sftp.writeFile("/home/b.txt", "two");
    await mkdir(join(folder, "in"));
    expect(await run("get a.txt")).toBe(`Fetching /home/a.txt to ${join(folder, "a.txt")}\n`);
    expect(await run("get a.txt 'other name'")).toBe(`Fetching /home/a.txt to ${join(folder, "other name")}\n`);
    expect(await run("get *.txt in")).toBe(
      `Fetching /home/a.txt to ${join(folder, "in/a.txt")}\nFetching /home/b.txt to ${join(folder, "in/b.txt")}\n`,
    );
    expect(await readFile(join(folder, "other name"), "utf8")).toBe("one");
    expect(await readdir(join(folder, "in"))).toEqual(["a.txt", "b.txt"]);

    await sftp.mkdir("/home/up");
    expect(await run("put in/*.txt up")).toBe(
      `Uploading ${join(folder, "in/a.txt")} to /home/up/a.txt\nUploading ${join(folder, "in/b.txt")} to /home/up/b.txt\n`,
    );
    await run("put 'other name' up/renamed");
    expect((await sftp.readdir("/home/up")).sort()).toEqual(["a.txt", "b.txt", "renamed"]);
    expect(await sftp.readFile("/home/up/renamed", "utf8")).toBe("one");
  });

  test("-r moves directories, without links, and -p keeps times and modes", async () => {
    const { run, session, folder } = await openSession();
    const { sftp } = session;
    await sftp.mkdir("/home/tree/deep", { recursive: true });
    await sftp.writeFile("/home/tree/deep/file", "x");
    await sftp.chmod("/home/tree/deep/file", 0o600);
    await sftp.utimes("/home/tree/deep/file", 1000, 2000);
    await sftp.symlink("deep", "/home/tree/link");
    expect(await run("get tree")).toBe('nacre: "/home/tree" is a directory; move it with -r [usage]\n');
    expect(await run("get -rp tree here")).toBe(
      `Fetching /home/tree to ${join(folder, "here")}\nSkipping /home/tree/link: not a regular file\n`,
    );
    await expectMode(join(folder, "here/deep/file"), 0o600);
    expect((await stat(join(folder, "here/deep/file"))).mtimeMs).toBe(2_000_000);
    expect(await readdir(join(folder, "here"))).toEqual(["deep"]);
    expect(await run("put -r here")).toBe(`Uploading ${join(folder, "here")} to /home/here\n`);
    expect(await sftp.readFile("/home/here/deep/file", "utf8")).toBe("x");
  });

  test("-f, or the setting, stores files durably, on a server that can", async () => {
    for (const [flag, flush] of [
      ["-f", false],
      ["", true],
    ] as const) {
      const { run, session, fileSystem } = await openSession({ flush });
      const there = vi.spyOn(fileSystem, "fsync");
      const here = vi.fn(async () => {});
      const create = session.files.create.bind(session.files);
      const files: LocalFiles = {
        ...session.files,
        create: async (...file) => ({ ...(await create(...file)), sync: here }),
      };
      Object.assign(session, { files });
      await session.sftp.writeFile("/home/a", "contents");
      await run(`get ${flag} a`);
      expect(here).toHaveBeenCalledTimes(1);
      await run(`put ${flag} a`);
      expect(there).toHaveBeenCalledTimes(1);
      vi.spyOn(session.sftp, "extensions", "get").mockReturnValue(new Map());
      expect(await run(`put ${flag} a b`)).toMatch(/^Uploading [^\n]*\n$/);
      expect(there).toHaveBeenCalledTimes(1);
    }
  });

  test("reget and reput announce that they resume, and move the whole file without a part", async () => {
    const { run, session, folder } = await openSession();
    await session.sftp.writeFile("/home/a", "contents");
    expect(await run("reget a")).toBe(`Resuming /home/a to ${join(folder, "a")}\n`);
    expect(await run("reput a b")).toBe(`Resuming ${join(folder, "a")} to /home/b\n`);
    expect(await session.sftp.readFile("/home/b", "utf8")).toBe("contents");
  });

  test("settings of the session stand for flags, and quiet announces nothing", async () => {
    const { run, session, folder } = await openSession({ recursive: true, preserve: true, quiet: true });
    await session.sftp.mkdir("/home/tree");
    await session.sftp.writeFile("/home/tree/file", "x");
    await session.sftp.utimes("/home/tree/file", 1000, 2000);
    expect(await run("get tree")).toBe("");
    expect((await stat(join(folder, "tree/file"))).mtimeMs).toBe(2_000_000);
  });

  test("several files need a directory, and one file of many that fails does not stop the others", async () => {
    const { run, session, folder } = await openSession();
    await session.sftp.writeFile("/home/a1", "");
    await session.sftp.mkdir("/home/a2");
    await session.sftp.writeFile("/home/a3", "");
    expect(await run("get a? nope")).toBe('nacre: "nope" is not a directory; several files need one [usage]\n');
    expect(await run("get a?")).toBe(
      [
        `Fetching /home/a1 to ${join(folder, "a1")}`,
        'nacre: "/home/a2" is a directory; move it with -r [usage]',
        `Fetching /home/a3 to ${join(folder, "a3")}`,
        "",
      ].join("\n"),
    );
    expect(await readdir(folder)).toEqual(["a1", "a3"]);
    expect(await run("put nope")).toContain("[file-unreadable]");
    expect(await run("put a1 none/a1")).toContain('; make its directory "/home/none" first [sftp-no-such-file]');
    expect(await run("put nope*")).toBe('nacre: "nope*" matches no file here [file-unreadable]\n');
  });
});

describe("this machine", () => {
  test("! runs a line in the shell, and lls runs ls, in the local directory", async () => {
    const { run, programs, folder } = await openSession();
    await writeFile(join(folder, "x1"), "");
    await run("!echo 'a b' # not a comment");
    await run("!");
    await run("lls -l x* 'x*'");
    const shell = process.env.SHELL || "/bin/sh";
    expect(programs).toEqual([
      [{ program: shell, words: ["-c", "echo 'a b' # not a comment"], options: {} }, folder],
      [{ program: shell, words: [], options: {} }, folder],
      [{ program: "ls", words: ["-l", join(folder, "x1"), "x*"], options: {} }, folder],
    ]);
  });

  test("a program that fails is an error", async () => {
    const { run } = await openSession({}, 3);
    expect(await run("!false")).toBe("nacre: the local command ended with status 3 [usage]\n");
  });
});

describe("lumask", () => {
  test("sets the bits that new local files do not get, and takes only a mask", async () => {
    const { run, session, folder } = await openSession();
    await session.sftp.writeFile("/home/f", "text");
    const before = process.umask();
    onTestFinished(() => void process.umask(before));
    expect(await run("lumask 77")).toBe("Local umask: 077\n");
    await run("get f private");
    expect(statSync(join(folder, "private")).mode & 0o777).toBe(0o600);
    for (const mask of ["8", "1777", "u=rwx"])
      expect(await run(`lumask ${mask}`)).toBe(
        `nacre: invalid mask "${mask}"; expected up to three octal digits, such as 022 [usage]\n`,
      );
    expect(process.umask()).toBe(0o77);
  });
});

describe("a device or pipe", () => {
  test("gets the contents of a fetched file, and stays", async () => {
    const { run, session, folder } = await openSession();
    await session.sftp.writeFile("/home/f", "text");
    execFileSync("mkfifo", [join(folder, "pipe")]);
    const read = readFile(join(folder, "pipe"), "utf8");
    expect(await run("get f pipe")).toMatch(/^Fetching [^\n]*\n$/);
    expect(await read).toBe("text");
    expect(statSync(join(folder, "pipe")).isFIFO()).toBe(true);
  });
});

describe("the session", () => {
  test("help lists every command in one line", async () => {
    const { run } = await openSession();
    const lines = (await run("help")).trimEnd().split("\n");
    expect(lines).toContainEqual(expect.stringMatching(/^get, mget \[-afpr\] remote \[local\] {2,}Fetch a file/));
    expect(lines.length).toBeGreaterThan(25);
    expect(await run("?")).toBe(`${lines.join("\n")}\n`);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(110);
  });

  test("version, progress and quit", async () => {
    const { run, session } = await openSession();
    expect(await run("version")).toBe("SFTP protocol version 3\n");
    expect(await run("progress")).toBe("Progress meter disabled\n");
    expect(await run("progress")).toBe("Progress meter enabled\n");
    expect(session.isOver).toBe(false);
    expect(await run("exit")).toBe("");
    expect(session.isOver).toBe(true);
  });

  test("an unknown command is an error in one line", async () => {
    const { run, printed } = await openSession();
    expect(await run("frobnicate x")).toBe(
      'nacre: unknown command "frobnicate"; type help for a list of commands [usage]\n',
    );
    expect(printed()).toBe("");
  });

  test("the end of the connection ends it", async () => {
    const { run, client, session } = await openSession();
    await client.close();
    await session.sftp.ended;
    await expect(run("ls")).rejects.toMatchObject({ code: "closed" });
  });
});
