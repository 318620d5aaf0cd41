import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { sftp as openSftp } from "@nacre/files";
import { digestOf, writeAll } from "@nacre/testing/interop/data";
import { commandsIn, makeRemoteDirectory } from "@nacre/testing/interop/directories";
import { useFolder } from "@nacre/testing/interop/keys";
import { failure, useServer } from "@nacre/testing/interop/server";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Client, Sftp } from "../../src/index.ts";

// Every call against OpenSSH's sftp-server, and its effect as the shell there sees it.

const server = useServer();
const local = useFolder();

interface Opened {
  readonly ssh: Client;
  readonly sftp: Sftp;
  /** New directory on the server. */
  readonly dir: string;
  /** Runs a command in the directory. Resolves with its output. */
  readonly run: (command: string) => Promise<string>;
}

async function open(from = server): Promise<Opened> {
  const ssh = await from.connect();
  onTestFinished(() => ssh.close());
  const dir = await makeRemoteDirectory(ssh);
  return { ssh, sftp: await ssh.sftp(), dir, run: commandsIn(ssh, dir) };
}

/** Reads a file without an end. Resolves with the error that ends it. */
function endless(sftp: Sftp): Promise<Error> {
  return failure(digestOf(sftp.createReadStream("/dev/zero")));
}

describe("SFTP on OpenSSH", () => {
  it("announces its extensions and limits", async () => {
    const { sftp } = await open();
    expect([...sftp.extensions.keys()]).toEqual(
      expect.arrayContaining(["posix-rename@openssh.com", "fsync@openssh.com", "limits@openssh.com", "copy-data"]),
    );
    await expect.poll(() => sftp.serverLimits.maxReadLength, { timeout: 10_000 }).toBeGreaterThan(200_000);
  });

  it("expands paths of users, and returns names of users and groups", async () => {
    const { sftp } = await open();
    const home = await sftp.realpath(".");
    expect(await sftp.expandPath("~alice/x")).toBe(`${home}/x`);
    const { uid, gid } = await sftp.stat(".");
    expect(await sftp.usersGroups([0, uid!, 54_321], [gid!])).toEqual({
      users: ["root", "alice", ""],
      groups: ["alice"],
    });
  });

  it("writes, reads and appends", async () => {
    const { sftp, dir, run } = await open();
    await sftp.writeFile(`${dir}/f`, "héllo\n", { mode: 0o600, flush: true });
    expect(await run("cat f; stat -c %a f")).toBe("héllo\n600");
    await sftp.appendFile(`${dir}/f`, "more");
    expect(await sftp.readFile(`${dir}/f`, "utf8")).toBe("héllo\nmore");
    const bytes = randomBytes(5_000_000);
    await sftp.writeFile(`${dir}/f`, bytes);
    expect(await run("sha256sum <f | cut -c1-64")).toBe(createHash("sha256").update(bytes).digest("hex"));
    expect(Buffer.compare(await sftp.readFile(`${dir}/f`), bytes)).toBe(0);
    expect(await failure(sftp.writeFile(`${dir}/f`, "x", { flag: "wx" }))).toMatchObject({ code: "sftp-failure" });
  });

  it("reads files that state no size", async () => {
    const { sftp } = await open();
    expect(await sftp.readFile("/proc/version", "utf8")).toContain("Linux");
  });

  it("replaces a file atomically, with its permission bits, and leaves nothing behind", async () => {
    const { sftp, dir, run } = await open();
    await run("echo old >f; chmod 640 f");
    await sftp.writeFile(`${dir}/f`, "new", { atomic: true });
    expect(await run("cat f; stat -c %a f; ls -A")).toBe("new640\nf");
    await run("mkdir d; touch d/x");
    expect(await failure(sftp.writeFile(`${dir}/d`, "no", { atomic: true }))).toMatchObject({ code: "sftp-failure" });
    expect(await run("ls -A")).toBe("d\nf");
  });

  it("streams both ways between files", async () => {
    const { sftp, dir, run } = await open();
    const path = join(local.path, "data");
    await writeFile(path, randomBytes(9_000_000));
    await pipeline(createReadStream(path), sftp.createWriteStream(`${dir}/f`));
    await pipeline(sftp.createReadStream(`${dir}/f`), createWriteStream(`${path}.back`));
    const [sent, back] = await Promise.all([readFile(path), readFile(`${path}.back`)]);
    expect(Buffer.compare(sent, back)).toBe(0);
    expect(await run("sha256sum <f | cut -c1-64")).toBe(createHash("sha256").update(sent).digest("hex"));
    const part = await digestOf(sftp.createReadStream(`${dir}/f`, { start: 1000, end: 4_999_999 }));
    expect(part).toEqual({
      sha256: createHash("sha256").update(sent.subarray(1000, 5_000_000)).digest("hex"),
      length: 4_999_000,
    });
    await pipeline([Buffer.from("XYZ")], sftp.createWriteStream(`${dir}/f`, { flags: "r+", start: 8_999_998 }));
    expect((await sftp.stat(`${dir}/f`)).size).toBe(9_000_001);
  });

  it("fails streams with the server's error, and when they are aborted", async () => {
    const { sftp, dir } = await open();
    expect(await failure(digestOf(sftp.createReadStream(`${dir}/none`)))).toMatchObject({ code: "sftp-no-such-file" });
    expect(await failure(writeAll(sftp.createWriteStream("/proc/none"), Buffer.alloc(10)))).toMatchObject({
      name: "SftpError",
    });
    const abort = new AbortController();
    const writing = sftp.createWriteStream(`${dir}/g`, { signal: abort.signal });
    writing.write(Buffer.alloc(100_000));
    const sizeOf = async (): Promise<number> =>
      (await sftp.exists(`${dir}/g`)) ? (await sftp.stat(`${dir}/g`)).size : 0;
    await expect.poll(sizeOf, { timeout: 10_000 }).toBe(100_000);
    abort.abort();
    expect(await failure(pipeline([Buffer.alloc(1)], writing))).toMatchObject({ code: "aborted" });
  });

  it("reads and changes attributes", async () => {
    const { sftp, dir, run } = await open();
    await run("echo 12345 >f; ln -s f l; ln -s none dangling");
    await sftp.chmod(`${dir}/f`, 0o754);
    await sftp.truncate(`${dir}/f`, 3);
    await sftp.utimes(`${dir}/f`, 1_000_000, new Date(2_000_000_000));
    await sftp.lutimes(`${dir}/l`, 3_000_000, 4_000_000);
    expect(await run("stat -c '%a %X %Y %s' f; stat -c '%X %Y' l")).toBe("754 1000000 2000000 3\n3000000 4000000");
    const [uid, gid] = (await run("id -u; id -g")).split("\n").map(Number);
    await sftp.chown(`${dir}/f`, uid!, gid!);
    await sftp.lchown(`${dir}/dangling`, uid!, gid!);
    expect(await sftp.stat(`${dir}/l`)).toMatchObject({ size: 3, mode: 0o100_754, uid, gid, mtimeMs: 2_000_000_000 });
    expect((await sftp.lstat(`${dir}/l`)).isSymbolicLink()).toBe(true);
    expect(await failure(sftp.chown(`${dir}/f`, 0, 0))).toMatchObject({
      code: "sftp-permission-denied",
      call: "chown",
    });
    await run("truncate -s 5T sparse");
    expect((await sftp.stat(`${dir}/sparse`, { bigint: true })).size).toBe(5n * 1024n ** 4n);
    expect(await Promise.all(["f", "dangling", "none"].map((name) => sftp.exists(`${dir}/${name}`)))).toEqual([
      true,
      false,
      false,
    ]);
    expect(await failure(sftp.access(`${dir}/none`))).toMatchObject({ code: "sftp-no-such-file", path: `${dir}/none` });
    const facts = await sftp.statfs(dir);
    expect(facts.frsize * facts.blocks).toBeGreaterThanOrEqual(facts.frsize * facts.bavail);
    expect(String(facts.namemax)).toBe(await run("stat -fc %l ."));
  });

  it("lists, makes and removes directories", async () => {
    const { sftp, dir, run } = await open();
    expect(await sftp.mkdir(`${dir}/a/b`, { recursive: true, mode: 0o700 })).toBe(`${dir}/a`);
    expect(await sftp.mkdir(`${dir}/a/b`, { recursive: true })).toBeUndefined();
    expect(await failure(sftp.mkdir(`${dir}/a`))).toMatchObject({ code: "sftp-failure" });
    await run("touch a/f a/b/g; ln -s /etc a/etc; i=0; while [ $i -lt 1000 ]; do : >a/b/n$i; i=$((i+1)); done");
    expect((await sftp.readdir(`${dir}/a`)).sort()).toEqual(["b", "etc", "f"]);
    const entries = await sftp.readdir(`${dir}/a`, { withFileTypes: true });
    expect(entries.map((entry) => `${entry.name} ${entry.isDirectory()} ${entry.isSymbolicLink()}`).sort()).toEqual([
      "b true false",
      "etc false true",
      "f false false",
    ]);
    expect((await sftp.readdir(`${dir}/a`, { recursive: true })).length).toBe(1004);
    let count = 0;
    for await (const entry of await sftp.opendir(`${dir}/a/b`)) count += entry.isFile() ? 1 : 0;
    expect(count).toBe(1001);
    await sftp.rm(`${dir}/a`, { recursive: true });
    expect(await run("ls -A; ls -d /etc")).toBe("/etc");
    await sftp.mkdir(`${dir}/d`);
    await sftp.rmdir(`${dir}/d`);
    expect(await failure(sftp.rm(`${dir}/d`))).toMatchObject({ code: "sftp-no-such-file" });
    await sftp.rm(`${dir}/d`, { force: true });
  });

  it("renames, links and copies", async () => {
    const { sftp, dir, run } = await open();
    await run("mkdir d; echo a >d/a; chmod 750 d/a; ln -s a d/l; echo b >b; touch -d @1000 d/a");
    await sftp.rename(`${dir}/d/a`, `${dir}/b`);
    await sftp.rename(`${dir}/b`, `${dir}/d/a`);
    await sftp.link(`${dir}/d/a`, `${dir}/hard`);
    await sftp.symlink("d/a", `${dir}/soft`);
    expect(await sftp.readlink(`${dir}/soft`)).toBe("d/a");
    expect(await sftp.realpath(`${dir}/soft`)).toBe(`${dir}/d/a`);
    expect(await sftp.realpath(".")).toBe(await run("cd; pwd"));
    expect(await run("stat -c %h hard; cat soft")).toBe("2\na");
    await sftp.cp(`${dir}/d`, `${dir}/e`, { recursive: true, preserveTimestamps: true });
    expect(await run("cat e/a e/l; stat -c '%a %Y' e/a; readlink e/l")).toBe("a\na\n750 1000\na");
    await run("head -c 3000000 /dev/urandom >big");
    await sftp.copyFile(`${dir}/big`, `${dir}/copy`);
    await run("cmp big copy");
    expect(await failure(sftp.copyFile(`${dir}/big`, `${dir}/./big`))).toMatchObject({ code: "usage" });
    await sftp.unlink(`${dir}/copy`);
    const paths: string[] = [];
    for await (const path of sftp.glob(`${dir}/{d,e}/*`)) paths.push(path);
    expect(paths.sort()).toEqual(["d/a", "d/l", "e/a", "e/l"].map((name) => `${dir}/${name}`));
  });

  it("works with an open file", async () => {
    const { sftp, dir, run } = await open();
    const file = await sftp.open(`${dir}/f`, "w+", 0o644);
    await file.write("one\ntwo\nthree");
    await file.write(Buffer.from("TWO"), { position: 4 });
    await file.sync();
    await file.utimes(5, 6);
    await file.chmod(0o604);
    expect(await file.stat()).toMatchObject({ size: 13, mode: 0o100_604, mtimeMs: 6000 });
    const buffer = Buffer.alloc(5);
    expect((await file.read(buffer, 0, 5, 8)).bytesRead).toBe(5);
    expect(buffer.toString()).toBe("three");
    await file.truncate(7);
    const lines: string[] = [];
    for await (const line of file.readLines()) lines.push(line);
    expect(lines).toEqual([]); // From behind the last write; this also closed the file.
    const again = await sftp.open(`${dir}/f`);
    for await (const line of again.readLines()) lines.push(line);
    expect(lines).toEqual(["one", "TWO"]);
    expect(await run("cat f")).toBe("one\nTWO");
    const log = await sftp.open(`${dir}/f`, "a");
    await pipeline(["x", "y"], log.createWriteStream({ autoClose: false }));
    await log.appendFile("z");
    await log.close();
    expect(await sftp.readFile(`${dir}/f`, "utf8")).toBe("one\nTWOxyz");
  });

  it("keeps names that are not UTF-8", async () => {
    const { sftp, dir, run } = await open();
    await run("touch \"$(printf 'a\\377b\\nc')\"");
    const [name] = await sftp.readdir(dir);
    await sftp.rename(`${dir}/${name}`, `${dir}/${name}2`);
    expect(await run("ls | od -An -tx1 | tr -d ' \\n'")).toBe("61ff620a63320a");
  });

  it("has many files under way at once", async () => {
    const { sftp, dir, run } = await open();
    const names = Array.from({ length: 400 }, (_, i) => `${dir}/n${i}`);
    await Promise.all(names.map((name, i) => sftp.writeFile(name, `content ${i}`)));
    expect(await run("ls | wc -l; cat n399")).toBe("400\ncontent 399");
    const read = await Promise.all(names.map((name) => sftp.readFile(name, "utf8")));
    expect(read.every((text, i) => text === `content ${i}`)).toBe(true);
  });

  it("opens in the round trip of one request when the channel was opened with the login", async () => {
    const ssh = await server.connect();
    onTestFinished(() => ssh.close());
    const first = await ssh.sftp();
    const second = await ssh.sftp();
    expect(await Promise.all([first, second].map((one) => one.exists("/")))).toEqual([true, true]);
    await first.close();
    expect(await second.exists("/")).toBe(true);
  });

  it("fails calls under way when it is closed, when the connection is closed, and when the server dies", async () => {
    const { ssh, sftp, dir } = await open();
    const closed = endless(sftp);
    const other = await ssh.sftp();
    await sftp.close();
    expect(await closed).toMatchObject({ code: "closed" });
    expect(await other.exists(dir)).toBe(true);

    const second = await server.connect();
    const ended = endless(await second.sftp());
    await second.close();
    expect(await ended).toMatchObject({ code: "closed" });

    const third = await server.connect();
    const client = await third.sftp();
    const died = endless(client);
    await server.sshd.killSessions();
    expect(await died).toBe(await client.ended);
    expect(await client.ended).toMatchObject({ culprit: "peer" });
  });

  it("serves the portable entry, with Web streams, over the same connection", async () => {
    const { ssh, dir, run } = await open();
    await using sftp = await openSftp(ssh);
    const bytes = randomBytes(3_000_000);
    const source = new Blob([bytes]).stream();
    await source.pipeTo(sftp.createWriteStream(`${dir}/f`));
    expect(await run("sha256sum <f | cut -c1-64")).toBe(createHash("sha256").update(bytes).digest("hex"));
    const whole = await new Response(sftp.createReadStream(`${dir}/f`)).arrayBuffer();
    expect(Buffer.compare(Buffer.from(whole), bytes)).toBe(0);
  });
});

describe("a server without SFTP", () => {
  const plain = useServer({ config: ["Subsystem sftp /bin/false"] });

  it("ends the call with an error", async () => {
    await using ssh = await plain.connect();
    expect(await failure(ssh.sftp())).toMatchObject({ code: "channel-closed" });
  });
});

describe("a server with few handles", () => {
  const small = useServer({ config: ["Subsystem sftp ulimit -n 25; exec /usr/lib/openssh/sftp-server"] });

  it("keeps serving, because every call and stream closes its file", async () => {
    const { sftp, dir } = await open(small);
    const path = `${dir}/f`;
    await sftp.writeFile(path, randomBytes(3_000_000));
    const held = await Promise.allSettled(Array.from({ length: 30 }, () => sftp.open(path)));
    const files = held.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(files.length).toBeLessThan(25);
    await Promise.all(files.map((file) => file.close()));
    for (let i = 0; i < 10; i++) {
      const destroyed = sftp.createReadStream(path);
      await once(destroyed, "data");
      destroyed.destroy();
      await digestOf(sftp.createReadStream(path));
      const aborted = sftp.createWriteStream(`${dir}/g`);
      aborted.write(Buffer.alloc(100_000));
      await once(aborted, "drain");
      aborted.destroy();
      for await (const line of (await sftp.open(path)).readLines()) if (line !== undefined) break;
      for await (const entry of await sftp.opendir(dir)) if (entry.name !== "") break;
      await failure(sftp.readFile(path, { maxLength: 10 }));
    }
    expect((await sftp.readdir(dir)).sort()).toEqual(["f", "g"]);
  });
});
