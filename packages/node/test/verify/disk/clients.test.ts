import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { MIB, randomData, sha256 } from "@nacre/testing/interop/data";
import { fingerprintOf } from "@nacre/testing/interop/keys";
import { expectQuiet, type Ran, runPeer } from "@nacre/testing/interop/our-server";
import ssh2, { type SFTPWrapper } from "ssh2";
import { beforeAll, describe, expect, it } from "vitest";
import { itEndsSessions, SLOW, useDiskServer } from "../../interop/disk/disk-server.ts";
import { join, listTree, makeFiles, makeNames, makeShapes, NAME_BYTES } from "../../interop/disk/trees.ts";

// Tests curl, which uses libssh2, paramiko, asyncssh and ssh2 against our SFTP server on files of the disk.

describe("curl", { timeout: SLOW }, () => {
  const disk = useDiskServer();
  const bytes = randomData(3 * MIB + 1);
  beforeAll(() => {
    writeFileSync(`${disk.local}/file`, bytes);
    mkdirSync(`${disk.root}/d`);
  });

  function words(): string[] {
    const { server, key } = disk;
    const hostKey = fingerprintOf({ path: "", publicKeyLine: server.hostKeyLines[0]! }).slice("SHA256:".length);
    const login = ["--hostpubsha256", hostKey, "--key", key.path, "--pubkey", `${key.path}.pub`];
    return ["-sS", "-q", "-g", "--path-as-is", ...login];
  }

  /** Returns the URL of a path on the server. */
  function url(path: string): string {
    return `sftp://alice@127.0.0.1:${disk.server.port}${path}`;
  }

  function curl(path: string, ...options: readonly string[]): Promise<Ran> {
    return runPeer(["curl", ...words(), ...options, url(path)], { env: { HOME: disk.local }, timeout: SLOW });
  }

  /** Runs curl, expects that it succeeds, and returns its output. */
  async function output(path: string, ...options: readonly string[]): Promise<Buffer> {
    const ran = await curl(path, ...options);
    expectQuiet(ran);
    return ran.stdout;
  }

  it("uploads a file into new directories, and downloads all and parts of it", async () => {
    await output("/made/by/curl", "--ftp-create-dirs", "--create-file-mode", "0640", "-T", `${disk.local}/file`);
    expect(sha256(readFileSync(`${disk.root}/made/by/curl`))).toBe(sha256(bytes));
    expect((statSync(`${disk.root}/made/by/curl`).mode & 0o777).toString(8)).toBe("640");
    expect(sha256(await output("/made/by/curl"))).toBe(sha256(bytes));
    expect(sha256(await output("/made/by/curl", "-r", "1000-1999999"))).toBe(sha256(bytes.subarray(1000, 2_000_000)));
    expect(sha256(await output("/made/by/curl", "-r", "-500"))).toBe(sha256(bytes.subarray(-500)));
    expect(sha256(await output("/made/by/curl", "-r", "3000000-"))).toBe(sha256(bytes.subarray(3_000_000)));
  });

  it("continues a download and an upload, and appends", async () => {
    const [part, remote] = [`${disk.local}/part`, `${disk.root}/d/continued`];
    writeFileSync(remote, bytes);
    writeFileSync(part, bytes.subarray(0, MIB));
    await output("/d/continued", "-C", "-", "-o", part);
    expect(sha256(readFileSync(part))).toBe(sha256(bytes));
    truncateSync(remote, MIB);
    await output("/d/continued", "-C", "-", "-T", part);
    expect(sha256(readFileSync(remote))).toBe(sha256(bytes));
    writeFileSync(part, "tail");
    await output("/d/continued", "-a", "-T", part);
    expect(sha256(readFileSync(remote))).toBe(sha256(Buffer.concat([bytes, Buffer.from("tail")])));
  });

  it("lists a directory", async () => {
    mkdirSync(`${disk.root}/list`);
    for (let i = 0; i < 300; i++) writeFileSync(`${disk.root}/list/file ${i}`, "x");
    const names = [".", "..", ...readdirSync(`${disk.root}/list`)].sort();
    expect((await output("/list/", "-l")).toString().trimEnd().split("\n").sort()).toEqual(names);
    const long = (await output("/list/")).toString().trimEnd().split("\n");
    expect(long.length).toBe(302);
    for (const line of long.slice(0, 2)) expect(line).toMatch(/^drwx.* \.\.?$/);
    for (const line of long.slice(2))
      expect(line).toMatch(/^-rw-r--r-- +1 \S+ +\S+ +1 \w{3} [ \d]\d \d\d:\d\d file \d+$/);
  });

  it("runs the commands that it is given", async () => {
    const { root } = disk;
    const commands = [
      "mkdir /q",
      // curl 8.14 makes the link and then reports a failure, with every server; "*" ignores it.
      "*ln ../q/g /q/l",
      "chmod 600 /d/q",
      'mtime "Sat, 03 Feb 2001 04:05:06 GMT" /d/q',
      "rename /d/q /q/g",
      "statvfs /q",
    ];
    writeFileSync(`${root}/d/q`, "quoted");
    const options = commands.flatMap((command) => ["-Q", command]);
    expect((await output("/q/l", ...options)).toString()).toBe("quoted");
    expect(readlinkSync(`${root}/q/l`)).toBe("../q/g");
    const { mode, mtimeMs } = statSync(`${root}/q/g`);
    expect([(mode & 0o777).toString(8), mtimeMs]).toEqual(["600", Date.UTC(2001, 1, 3, 4, 5, 6)]);
    await output("/q/g", "-Q", "rm /q/l", "-Q", "-rm /q/g", "-Q", "-rmdir /q", "-o", "/dev/null");
    expect(readdirSync(root)).not.toContain("q");
  });

  it("reports what the server refuses", async () => {
    // 78: the file does not exist. 21: a quoted command failed.
    expect(await curl("/none")).toMatchObject({
      status: 78,
      stderr: expect.stringContaining("No such file") as string,
    });
    expect(await curl("/d/", "-Q", "rm /none")).toMatchObject({ status: 21 });
    expect(await curl("/none/x", "-T", `${disk.local}/file`)).toMatchObject({ status: 78 });
    expect(readdirSync(disk.root)).not.toContain("none");
  });

  it("keeps a name of all bytes", async () => {
    const escaped = NAME_BYTES.map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
    mkdirSync(`${disk.root}/names`);
    await output(`/names/${escaped}`, "-T", `${disk.local}/file`);
    expect(readdirSync(`${disk.root}/names`, "latin1")).toEqual([Buffer.from(NAME_BYTES).toString("latin1")]);
    expect(sha256(await output(`/names/${escaped}`))).toBe(sha256(bytes));
    expect(await output("/names/", "-l")).toEqual(Buffer.from([...Buffer.from(".\n..\n"), ...NAME_BYTES, 0x0a]));
  });

  it("gets the old file to its end when the file is replaced in mid-transfer", async () => {
    const path = `${disk.root}/d/replaced`;
    const old = randomData(16 * MIB);
    writeFileSync(path, old);
    const child = spawn("curl", [...words(), url("/d/replaced")], { stdio: ["ignore", "pipe", "inherit"] });
    const closed = once(child, "close");
    const replace = (): void => {
      writeFileSync(`${path}.new`, "new");
      renameSync(`${path}.new`, path);
    };
    // curl writes to a pipe, so it cannot be near the end of the file.
    expect(await digestOfOutput(child, replace)).toBe(sha256(old));
    expect(await closed).toEqual([0, null]);
    expect((await output("/d/replaced")).toString()).toBe("new");
  });

  itEndsSessions(disk);
});

/** Callback of Node. */
type Done<T> = (error: Error | null | undefined, value: T) => void;

/** Digests the output of a program. Calls back at the first chunk. */
async function digestOfOutput({ stdout }: ChildProcess, onFirst: () => void): Promise<string> {
  const hash = createHash("sha256");
  let isFirst = true;
  for await (const chunk of stdout as AsyncIterable<Uint8Array>) {
    if (isFirst) onFirst();
    isFirst = false;
    hash.update(chunk);
  }
  return hash.digest("hex");
}

describe("paramiko", { timeout: SLOW }, () => {
  const disk = useDiskServer();

  it("puts, gets, lists, reads ahead, and works with open files", async () => {
    const { local, root, server, key } = disk;
    const bytes = randomData(5 * MIB + 1);
    writeFileSync(`${local}/large`, bytes);
    writeFileSync(`${local}/new`, "new");
    writeFileSync(`${local}/newer`, "newer");
    makeFiles(`${root}/many`, 1000);
    const script = fileURLToPath(new URL("paramiko-files.py", import.meta.url));
    const task = { port: server.port, hostKey: server.hostKeyLines[0]!.split(" "), key: key.path, local, root };
    const ran = await runPeer(["/usr/bin/python3", script, JSON.stringify(task)], { timeout: SLOW });
    expectQuiet(ran);
    const attributes = readdirSync(`${root}/many/d0`)
      .map((name) => ({ name, stats: lstatSync(`${root}/many/d0/${name}`) }))
      .map(({ name, stats }) => [name, stats.size, `0o${stats.mode.toString(8)}`, stats.mtimeMs / 1000])
      .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    expect(JSON.parse(ran.stdout.toString())).toEqual({
      put: bytes.length,
      cwd: "/d",
      normal: "/d/x",
      listed: attributes,
      iterated: 1000,
      exclusive: ["OSError", null, expect.stringContaining("File exists")],
      readv: ["000000000", "changed", "000000089\n"],
      unsupported: ["OSError", null, expect.stringContaining("Operation unsupported")],
      before: 900,
      lines: [92, "end\n"],
      link: ["f", true, 904],
      stat: [10, "0o100600", 2, 1_100_000_000],
      rename: ["OSError", null, expect.stringContaining("File exists")],
      missing: ["FileNotFoundError", 2, expect.stringContaining("No such file or directory")],
      full: ["OSError", null, expect.stringContaining("Directory not empty")],
      old: sha256(bytes),
      new: "new",
      replaced: ["OSError", null, `size mismatch in put!  5 != ${bytes.length}`],
    });
    for (const copy of ["paramiko-back", "paramiko-slow"])
      expect(sha256(readFileSync(`${local}/${copy}`))).toBe(sha256(bytes));
    expect(readdirSync(`${root}/d`, "latin1").sort()).toEqual(
      [Buffer.from(NAME_BYTES.toReversed()).toString("latin1"), "g"].sort(),
    );
    expect(readFileSync(join(`${root}/d`, Buffer.from(NAME_BYTES.toReversed())), "utf8")).toBe("all");
    expect(readFileSync(`${root}/large`, "utf8")).toBe("newer");
  });

  itEndsSessions(disk);
});

describe("asyncssh", { timeout: SLOW }, () => {
  const disk = useDiskServer();

  it("puts and gets a tree with names of every byte and links", async () => {
    const { local, root, server, key } = disk;
    mkdirSync(`${local}/tree`);
    makeNames(`${local}/tree/names`);
    makeShapes(`${local}/tree/shapes`);
    const script = fileURLToPath(new URL("asyncssh-files.py", import.meta.url));
    const known = `${server.folder.path}/known_hosts`;
    const task = JSON.stringify({ port: server.port, known, key: key.path, local });
    const ran = await runPeer(["/usr/bin/python3", script, task], { timeout: SLOW });
    expectQuiet(ran);
    // Its names have "." and ".." among them.
    expect(JSON.parse(ran.stdout.toString())).toEqual({ link: "large", names: NAME_BYTES.length + 3, missing: true });
    const expected = listTree(`${local}/tree`);
    expect(listTree(`${root}/tree`)).toEqual(expected);
    expect(listTree(`${local}/back`)).toEqual(expected);
  });

  itEndsSessions(disk);
});

describe("ssh2", () => {
  const disk = useDiskServer();

  it("puts and gets a file, and makes a link", async () => {
    const { local, root, server, key } = disk;
    const bytes = randomData(4 * MIB + 1);
    writeFileSync(`${local}/file`, bytes);
    const client = new ssh2.Client();
    const ready = once(client, "ready");
    client.connect({ host: "127.0.0.1", port: server.port, username: "alice", privateKey: readFileSync(key.path) });
    await ready;
    const closed = once(client, "close");
    const sftp = await promisify((done: Done<SFTPWrapper>) => client.sftp(done))();
    await promisify((done: Done<void>) => sftp.fastPut(`${local}/file`, "/file", done))();
    await promisify((done: Done<void>) => sftp.fastGet("/file", `${local}/back`, done))();
    await promisify((done: Done<void>) => sftp.symlink("file", "/link", done))();
    client.end();
    await closed;
    expect(sha256(readFileSync(`${root}/file`))).toBe(sha256(bytes));
    expect(sha256(readFileSync(`${local}/back`))).toBe(sha256(bytes));
    expect(readlinkSync(`${root}/link`)).toBe("file");
  });

  itEndsSessions(disk);
});

describe("phpseclib and Erlang's ssh, which send the link first", () => {
  const disk = useDiskServer();

  it.each([
    [
      "phpseclib",
      () => {
        const script = `require 'phpseclib3/autoload.php';
          $sftp = new phpseclib3\\Net\\SFTP('127.0.0.1', ${disk.server.port}, 20);
          $key = phpseclib3\\Crypt\\PublicKeyLoader::load(file_get_contents('${disk.key.path}'));
          if (!$sftp->login('alice', $key)) throw new Exception('refused');
          if (!$sftp->symlink('target', '/phpseclib')) throw new Exception($sftp->getLastSFTPError());
          $sftp->disconnect();`;
        return ["php", "-r", script];
      },
      "target",
    ],
    [
      "erlang",
      () => {
        copyFileSync(disk.key.path, `${disk.local}/id_ed25519`);
        const login = `[{user, "alice"}, {user_dir, "${disk.local}"}, {user_interaction, false}, {silently_accept_hosts, true}, {save_accepted_host, false}]`;
        const script = `ok = logger:set_primary_config(level, none), ok = ssh:start(),
          {ok, Ssh} = ssh:connect("127.0.0.1", ${disk.server.port}, ${login}),
          {ok, Sftp} = ssh_sftp:start_channel(Ssh),
          ok = ssh_sftp:make_symlink(Sftp, "/erlang", "/target"),
          ok = ssh_sftp:stop_channel(Sftp), ok = ssh:close(Ssh), halt(0).`;
        return ["erl", "-noinput", "-eval", script];
      },
      "/target",
    ],
  ])("%s makes a link in the right direction", async (name, words, target) => {
    expectQuiet(await runPeer(words(), { timeout: SLOW }));
    expect(readlinkSync(`${disk.root}/${name}`)).toBe(target);
  });

  itEndsSessions(disk);
});
