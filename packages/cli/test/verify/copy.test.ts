import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { startSshd } from "@nacre/testing/openssh/sshd";
import { describe, expect, onTestFinished, test } from "vitest";
import { nacre, TestTerminal } from "../interop/nacre.ts";
import { quoted, useSshd } from "../interop/sshd-login.ts";

// `nacre cp` against OpenSSH's sftp-server. The server's files are checked by commands there.

const server = useSshd();

/** Makes a directory on each side. */
async function folders(): Promise<{ readonly local: string; readonly remote: string }> {
  const local = await mkdtemp(join(server.folder, "local-"));
  return { local, remote: await server.run("mktemp -d /tmp/nacre-cp-XXXXXX") };
}

const cp = (...words: string[]) => nacre(["cp", ...server.login, ...words]);
const at = (path: string): string => `alice@127.0.0.1:${path}`;
const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Makes a tree with files of several sizes, an empty directory, and a link. */
function makeTree(path: string): void {
  mkdirSync(join(path, "deep", "empty"), { recursive: true });
  writeFileSync(join(path, "large"), randomBytes(1_000_003));
  for (const name of ["a b", "-rf", "日本", "$(id)", "empty file"])
    writeFileSync(join(path, "deep", name), name === "empty file" ? "" : name, { mode: 0o640 });
  symlinkSync("large", join(path, "link"));
  for (const name of ["large", "deep/a b", "deep"]) utimesSync(join(path, name), 1_600_000_000, 1_500_000_000);
}

/** Prints the digests, modes and times below the current directory. */
const LIST = `export LC_ALL=C; find . -type f -print0 | sort -z | xargs -0 sha256sum -z | tr '\\0' '\\n'; find . ! -type l -print0 | sort -z | xargs -0 stat -c '%n %a'; stat -c '%n %Y' large 'deep/a b' deep`;

describe("a file", () => {
  test("goes to the server and comes back the same, to other names and into directories", async () => {
    const { local, remote } = await folders();
    const bytes = randomBytes(3_000_001);
    writeFileSync(join(local, "file"), bytes);
    expect(await cp(join(local, "file"), at(remote))).toMatchObject({ status: 0, stderr: "" });
    expect(await cp(join(local, "file"), at(`${remote}/other name`))).toMatchObject({ status: 0, stderr: "" });
    expect(await server.run(`cd ${remote} && sha256sum file 'other name' | cut -c 1-64`)).toBe(
      `${digest(bytes)}\n${digest(bytes)}`,
    );
    const { status, stdout, stderr } = await cp(at(`${remote}/other name`), join(local, "back"));
    expect([status, stdout.toString(), stderr]).toEqual([0, "", ""]);
    expect(digest(readFileSync(join(local, "back")))).toBe(digest(bytes));
  });

  test("keeps its times and mode with -p, and passes --verify and --limit", async () => {
    const { local, remote } = await folders();
    writeFileSync(join(local, "file"), randomBytes(50_000), { mode: 0o600 });
    utimesSync(join(local, "file"), 1_600_000_000, 1_500_000_000);
    const options = ["-p", "--verify", "--limit", "50M"];
    expect(await cp(...options, join(local, "file"), at(`${remote}/f`))).toMatchObject({ status: 0, stderr: "" });
    expect(await server.run(`stat -c '%a %Y' ${remote}/f`)).toBe("600 1500000000");
    expect(await cp(...options, at(`${remote}/f`), join(local, "back"))).toMatchObject({ status: 0, stderr: "" });
    const { mode, mtimeMs } = statSync(join(local, "back"));
    expect([mode & 0o777, mtimeMs]).toEqual([0o600, 1_500_000_000_000]);
  });

  test("is named by an address with a port, percent-encoded, relative to the user's directory or absolute", async () => {
    const { local, remote } = await folders();
    const address = `sftp://alice@127.0.0.1:${server.port}`;
    const words = server.login.slice(2);
    writeFileSync(join(local, "f"), "by address");
    const name = `copy ${randomBytes(4).toString("hex")}`;
    expect(await nacre(["cp", ...words, join(local, "f"), `${address}/${encodeURIComponent(name)}`])).toMatchObject({
      status: 0,
      stderr: "",
    });
    expect(await server.run(`mv ~/'${name}' ${remote}/moved && cat ${remote}/moved`)).toBe("by address");
    expect(await nacre(["cp", ...words, `${address}/${remote}/moved`, join(local, "g")])).toMatchObject({ status: 0 });
    expect(readFileSync(join(local, "g"), "utf8")).toBe("by address");
    // The directory of a user, which the server knows.
    expect(await cp(join(local, "f"), at(`~alice/../..${remote}/of alice`))).toMatchObject({ status: 0, stderr: "" });
    expect(await server.run(`cat '${remote}/of alice'`)).toBe("by address");
  });
});

describe("several files", () => {
  test("match a pattern on the server, and need a directory", async () => {
    const { local, remote } = await folders();
    await server.run(`cd ${remote} && echo 1 > a1.txt && echo 2 > a2.txt && echo 3 > b.log && echo 4 > '[x]'`);
    expect(await cp(at(`${remote}/a?.txt`), at(`${remote}/*.log`), local)).toMatchObject({ status: 0, stderr: "" });
    expect(readdirSync(local)).toEqual(["a1.txt", "a2.txt", "b.log"]);
    // A file may have the pattern as its name.
    expect(await cp(at(`${remote}/[x]`), local)).toMatchObject({ status: 0, stderr: "" });
    const refused = await cp(at(`${remote}/a?.txt`), join(local, "new"));
    expect(refused.stderr).toBe(
      `nacre: "${join(local, "new")}" is not a directory; several sources need one as their target [usage]\n`,
    );
    expect(refused.status).toBe(1);
  });

  test("are copied as far as possible: a missing one gives status 1 and one line", async () => {
    const { local, remote } = await folders();
    writeFileSync(join(local, "one"), "1");
    mkdirSync(join(local, "dir"));
    const { status, stderr } = await cp(join(local, "nope"), join(local, "dir"), join(local, "one"), at(remote));
    expect(stderr).toBe(
      `nacre: "${join(local, "nope")}" does not exist [file-unreadable]\nnacre: "${join(local, "dir")}" is a directory; copy it with -r [usage]\n`,
    );
    expect(status).toBe(1);
    expect(await server.run(`ls ${remote}`)).toBe("one");
    const missing = await cp(at(`${remote}/nope`), local);
    expect(missing).toMatchObject({ status: 1, stderr: `nacre: "${remote}/nope" does not exist [file-unreadable]\n` });
  });
});

describe("a directory", () => {
  test("goes up and comes down with -rp, the same in digests, modes and times; links are followed", async () => {
    const { local, remote } = await folders();
    makeTree(join(local, "tree"));
    expect(await cp("-rp", join(local, "tree"), at(remote))).toMatchObject({ status: 0, stderr: "" });
    const here = execFileSync("sh", ["-c", LIST], { cwd: join(local, "tree"), encoding: "utf8" });
    const there = await server.run(`cd ${remote}/tree && { ${LIST}; }`);
    const linked = `${digest(readFileSync(join(local, "tree/large")))}  ./link`;
    expect(there.split("\n")).toEqual(expect.arrayContaining([...here.trimEnd().split("\n"), linked]));

    // Into a new name, and the contents of a directory into an existing one.
    expect(await cp("-rp", at(`${remote}/tree`), join(local, "down"))).toMatchObject({ status: 0, stderr: "" });
    expect(execFileSync("sh", ["-c", LIST], { cwd: join(local, "down"), encoding: "utf8" }).trimEnd()).toBe(there);
    mkdirSync(join(local, "into"));
    expect(await cp("-r", "--symlinks=skip", at(`${remote}/tree/.`), join(local, "into"))).toMatchObject({ status: 0 });
    expect(readdirSync(join(local, "into"))).toEqual(["deep", "large", "link"]);
  });

  test("keeps its links with --symlinks=keep", async () => {
    const { local, remote } = await folders();
    makeTree(join(local, "tree"));
    expect(await cp("-r", "--symlinks=keep", join(local, "tree"), at(`${remote}/new`))).toMatchObject({ status: 0 });
    expect(await server.run(`readlink ${remote}/new/link`)).toBe("large");
  });

  test("is copied without its pipes, with status 1 and one line", async () => {
    const { local, remote } = await folders();
    await server.run(`cd ${remote} && mkdir d && mkfifo d/pipe && echo x > d/file`);
    const { status, stderr } = await cp("-r", at(`${remote}/d`), local);
    expect([status, stderr]).toEqual([
      1,
      `nacre: "${remote}/d/pipe" is a device, pipe or socket, and was not copied [usage]\n`,
    ]);
    expect(readdirSync(join(local, "d"))).toEqual(["file"]);
  });
});

test("two servers: files go from one to the other through this machine", async () => {
  const { local, remote } = await folders();
  makeTree(join(local, "tree"));
  expect(await cp("-r", join(local, "tree"), at(remote))).toMatchObject({ status: 0, stderr: "" });
  // The second address has a connection of its own.
  const { status, stderr } = await nacre([
    "cp",
    ...server.login,
    "-rp",
    "--verify",
    at(`${remote}/tree`),
    `ssh://alice@127.0.0.1:${server.otherPort}/${remote}/second`,
  ]);
  expect([status, stderr]).toEqual([0, ""]);
  const sums = "find . -type f -print0 | sort -z | xargs -0 sha256sum";
  expect(await server.run(`cd ${remote}/second && ${sums}`)).toBe(await server.run(`cd ${remote}/tree && ${sums}`));
});

test("an interrupted copy ends by the signal, and --resume continues it", async () => {
  const { local, remote } = await folders();
  // Half a minute at the limit, so that it is interrupted on a slow machine too.
  const bytes = randomBytes(20_000_000);
  writeFileSync(join(local, "file"), bytes);
  const words = ["cp", ...server.login, "--resume", "--limit", "600K", join(local, "file"), at(remote)];
  const child = server.start(words);
  await expect
    .poll(() => server.run(`find ${remote} -name '.file.nacre-*' -size +200k`), { timeout: 20_000 })
    .not.toBe("");
  child.process.kill("SIGINT");
  expect(await child.ended).toMatchObject({ signal: "SIGINT", stderr: "" });
  const part = Number(await server.run(`stat -c %s ${remote}/.file.nacre-*`));
  expect(part).toBeGreaterThan(200_000);
  expect(part).toBeLessThan(bytes.length);
  expect(await cp("--resume", join(local, "file"), at(remote))).toMatchObject({ status: 0, stderr: "" });
  expect(await server.run(`ls -A ${remote} && sha256sum ${remote}/file | cut -c 1-64`)).toBe(`file\n${digest(bytes)}`);
});

test("--verify and --resume read the files again where only one session of SFTP is allowed", async () => {
  const { local, remote } = await folders();
  const sshd = await startSshd({ hostKeys: ["ed25519"], config: ["MaxSessions 1", "ForceCommand internal-sftp"] });
  onTestFinished(() => sshd.stop());
  const places = ["-P", `${sshd.port}`, "-i", join(server.folder, "key"), "--known-hosts", join(local, "known_hosts")];
  const one = (...words: string[]) => nacre(["cp", ...places, "--accept-new", "--verify", ...words]);
  makeTree(join(local, "tree"));
  expect(await one("-r", join(local, "tree"), join(local, "tree", "large"), at(remote))).toMatchObject({ status: 0 });
  expect(await one("-r", at(`${remote}/tree`), at(`${remote}/l*`), local)).toMatchObject({ status: 0, stderr: "" });
  expect(await one("-r", at(`${remote}/tree`), at(`${remote}/again`))).toMatchObject({ status: 0, stderr: "" });

  const { size, mtimeMs } = statSync(join(local, "tree", "large"));
  const part = `.part.nacre-${"0".repeat(24)}-${size.toString(36)}-${Math.floor(mtimeMs).toString(36)}`;
  await server.run(`head -c 500000 ${remote}/large > ${remote}/${part}`);
  const source = join(local, "tree", "large");
  expect(await one("--resume", source, at(`${remote}/part`))).toMatchObject({ status: 0, stderr: "" });
  expect(await server.run(`cmp ${remote}/large ${remote}/part && ls -A ${remote} | grep -c nacre || true`)).toBe("0");
  await server.run(`head -c 500000 /dev/zero > ${remote}/${part}`);
  const damaged = await one("--resume", source, at(`${remote}/part`));
  expect(damaged).toMatchObject({ status: 1, stderr: expect.stringContaining("is not the same on both sides") });
});

test("without --resume, an interrupted copy leaves nothing", async () => {
  const { local, remote } = await folders();
  writeFileSync(join(local, "file"), randomBytes(20_000_000));
  const child = server.start(["cp", ...server.login, "--limit", "400K", join(local, "file"), at(remote)]);
  await expect
    .poll(() => server.run(`find ${remote} -name '.file.nacre-*' -size +100k`), { timeout: 20_000 })
    .not.toBe("");
  child.process.kill("SIGTERM");
  expect(await child.ended).toMatchObject({ signal: "SIGTERM", stderr: "" });
  expect(await server.run(`ls -A ${remote}`)).toBe("");
});

test("a terminal shows name, part, bytes and rate in one line of its width; -q and a pipe show nothing", async () => {
  const { local, remote } = await folders();
  writeFileSync(join(local, "長い名前.iso"), randomBytes(400_000));
  const words = [...server.login, "--limit", "100K", join(local, "長い名前.iso"), at(remote)];
  const command = (options: string): string =>
    quoted(server.command(["cp", ...(options === "" ? [] : [options]), ...words]));
  const terminal = new TestTerminal(`stty rows 24 cols 60; ${command("")}; echo "status $?"`);
  await terminal.until("status 0");
  const lines = terminal.shown.split("\r\x1b[K").slice(1);
  expect(lines.length).toBeGreaterThan(3);
  for (const line of lines.slice(0, -1))
    expect(line).toMatch(/^長い名前\.iso {2,} +\d+% +[\d.]+ (?:KiB|B) .{10} +\S+ left$/);
  expect(lines.at(-1)).toMatch(/^長い名前\.iso {2,}100% {2}391 KiB +[\d.]+ [KM]iB\/s +0:\d\d {5}\r\n/);
  const quiet = new TestTerminal(`${command("-q")}; echo "status $?"`);
  expect(await quiet.until("status 0")).toBe("");
});

test("errors of the command line and of the connection give status 255 and one line", async () => {
  const { local } = await folders();
  rmSync(local, { recursive: true });
  expect(await cp("a", "b")).toMatchObject({
    status: 255,
    stderr:
      "nacre: source and target are both on this machine; write [user@]host:path for a server, or use cp (see nacre cp --help) [usage]\n",
  });
  const { status, stderr } = await nacre(["cp", "-P", "1", local, "alice@127.0.0.1:"]);
  expect([status, stderr.split("\n").length]).toEqual([255, 2]);
  expect(stderr).toMatch(/^nacre: cannot connect to 127\.0\.0\.1 port 1: .* \[connection-failed\]\n$/);
});

test("--help lists every option", async () => {
  const { stdout, status } = await nacre(["cp", "--help"]);
  expect(status).toBe(0);
  for (const option of ["-r", "-p", "--resume", "--verify", "--limit", "--symlinks", "-q", "-i", "-P", "-J", "--kex"])
    expect(stdout.toString()).toMatch(new RegExp(`(?:^ {2}|, )${option}\\b`, "m"));
});
