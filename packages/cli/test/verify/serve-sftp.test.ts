import { randomBytes } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { commandLine, type Ended } from "../interop/nacre.ts";
import { run, type Served, useServeFolder } from "../interop/serve-support.ts";

/* OpenSSH's sftp at `nacre serve`, and at `nacre sftp-server` in place of OpenSSH's. */

const folder = useServeFolder({ terminals: false });

let count = 0;
/** Folder that is served, and folder of the client. New for each test. */
let [root, local] = ["", ""];
beforeEach(() => {
  [root, local] = [join(folder.path, `root-${++count}`), join(folder.path, `local-${count}`)];
  mkdirSync(root);
  mkdirSync(local);
});

/** Time in milliseconds that a batch may take. sftp waits for each of the thousands of requests, also on a busy machine. */
const LIMIT = 150_000;

/** Runs sftp with a batch of commands at `nacre serve`. */
function atServer(served: Served, batch: readonly string[]): Promise<Ended> {
  const [, ...words] = folder.ssh(served);
  const sftp = ["sftp", "-q", "-b", "-", ...words.map((word) => (word === "-p" ? "-P" : word))];
  return run(sftp, `${batch.join("\n")}\n`, LIMIT);
}

/** Runs sftp with a batch of commands at `nacre sftp-server`, which it starts itself. */
function atProgram(words: readonly string[], batch: readonly string[]): Promise<Ended> {
  const server = commandLine(["sftp-server", ...words]).join(" ");
  return run(["sftp", "-q", "-b", "-", "-D", server], `${batch.join("\n")}\n`);
}

/** Asserts that a batch succeeded. Returns the lines of its output, without the commands. */
function linesOf({ status, stdout, stderr }: Ended): string[] {
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout
    .toString()
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("sftp> "));
}

/** Makes a tree with files, an empty directory, a link and names that need quoting. */
function makeTree(path: string): void {
  mkdirSync(join(path, "tree/deep/empty"), { recursive: true });
  writeFileSync(join(path, "tree/one"), "1", { mode: 0o640 });
  writeFileSync(join(path, "tree/a name 'with' \"quotes\" * ü"), "2");
  writeFileSync(join(path, "tree/deep/big"), randomBytes(3_000_000));
  writeFileSync(join(path, "tree/zero"), "");
  utimesSync(join(path, "tree/one"), 1000, 2_000_000);
}

/** Contents of a tree by path. */
function treeOf(path: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(path, { recursive: true }) as string[]) {
    const stats = lstatSync(join(path, name));
    found[name] = stats.isDirectory() ? "directory" : readFileSync(join(path, name)).toString("latin1");
  }
  return found;
}

/** Commands of sftp(1) that people use, in the served directory. */
async function everyday(sftp: (batch: readonly string[]) => Promise<Ended>, at: string): Promise<void> {
  makeTree(local);
  linesOf(await sftp([`lcd ${local}`, `cd ${at}`, "put -pR tree", "get -pR tree back"]));
  expect(treeOf(join(root, "tree"))).toEqual(treeOf(join(local, "tree")));
  expect(treeOf(join(local, "back"))).toEqual(treeOf(join(local, "tree")));
  expect(statSync(join(local, "back/one")).mtimeMs).toBe(2_000_000_000);
  expect(statSync(join(root, "tree/one")).mode & 0o777).toBe(0o640);

  const listed = linesOf(
    await sftp([
      `cd ${at}`,
      "rename tree/one moved",
      "ln moved hard",
      "ln -s moved soft",
      "chmod 600 moved",
      "mkdir made",
      "rmdir made",
      "rm tree/zero",
      "ls -ln",
      "df",
      "pwd",
    ]),
  );
  const rows = listed.map((line) => line.split(/\s+/));
  expect(rows.filter(([mode]) => /^[dl-]r/.test(mode!)).map((row) => [row[0], row.at(-1)])).toEqual([
    ["-rw-------", "hard"],
    ["-rw-------", "moved"],
    ["lrwxrwxrwx", "soft"],
    ["drwxr-xr-x", "tree"],
  ]);
  expect(listed.join("\n")).toMatch(/Size\s+Used\s+Avail\s+\(root\)\s+%Capacity\n\s+\d+/);
  expect(listed.at(-1)).toBe(`Remote working directory: ${at}`);
  expect(readlinkSync(join(root, "soft"))).toBe("moved");
  expect(statSync(join(root, "hard")).nlink).toBe(2);
  expect(readFileSync(join(root, "moved"), "utf8")).toBe("1");

  const whole = readFileSync(join(root, "tree/deep/big"));
  truncateSync(join(local, "back/deep/big"), 1_000_001);
  truncateSync(join(root, "tree/deep/big"), 2_000_003);
  linesOf(await sftp([`lcd ${local}`, `cd ${at}/tree/deep`, "reput tree/deep/big big", "reget big back/deep/big"]));
  expect(readFileSync(join(root, "tree/deep/big")).equals(whole)).toBe(true);
  expect(readFileSync(join(local, "back/deep/big")).equals(whole)).toBe(true);

  const failed = await sftp([`cd ${at}`, "-rmdir tree", "-mkdir tree", "-get none", "rename hard moved"]);
  expect(failed.stderr).toMatch(/rmdir ".*tree": Failure/);
  expect(failed.stderr).toMatch(/mkdir ".*tree": Failure/);
  expect(failed.stderr).toMatch(/not found/);
}

describe("nacre serve", () => {
  test("serves the whole system from the home folder, with what people do in sftp", async () => {
    const served = await folder.serve();
    await everyday((batch) => atServer(served, batch), root);
  });

  test(
    "serves 1,000 files both ways",
    async () => {
      const served = await folder.serve({ words: ["--sftp-root", root] });
      mkdirSync(join(local, "many"));
      for (let index = 0; index < 1000; index++)
        writeFileSync(join(local, "many", `file-${index}`), randomBytes(index * 8));
      linesOf(await atServer(served, [`lcd ${local}`, "put -R many", "get -R many back"]));
      expect(treeOf(join(root, "many"))).toEqual(treeOf(join(local, "many")));
      expect(treeOf(join(local, "back"))).toEqual(treeOf(join(local, "many")));
      const listed = linesOf(await atServer(served, ["ls -l many"]));
      expect(listed).toHaveLength(1000);
    },
    2 * LIMIT,
  );

  test("keeps clients in --sftp-root, and lets them change nothing with --sftp-read-only", async () => {
    writeFileSync(join(local, "secret"), "secret");
    writeFileSync(join(root, "open"), "open");
    symlinkSync(join(local, "secret"), join(root, "link"));
    const served = await folder.serve({ words: ["--no-exec", "--sftp-root", root, "--sftp-read-only"] });
    expect(linesOf(await atServer(served, ["pwd", "ls -1", `get open ${local}/open`]))).toEqual([
      "Remote working directory: /",
      "link",
      "open",
    ]);
    expect(readFileSync(join(local, "open"), "utf8")).toBe("open");
    for (const command of [
      `get link ${local}/stolen`,
      `get ../${local}/secret ${local}/stolen`,
      "put /etc/hostname new",
    ]) {
      const { status, stderr } = await atServer(served, [command]);
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/No such file|not found|Permission denied/);
    }
    expect(existsSync(join(local, "stolen"))).toBe(false);
    expect(readdirSync(root).toSorted()).toEqual(["link", "open"]);
  });

  test("serves no SFTP with --no-sftp, or with --no-exec and no root", async () => {
    const without = await folder.serve({ words: ["--no-sftp"] });
    expect((await atServer(without, ["pwd"])).status).not.toBe(0);
    expect(await without.until(({ event }) => event === "request-refused")).toMatchObject({
      request: "subsystem sftp",
    });
    const rootless = await folder.serve({ words: ["--no-exec"] });
    expect(rootless.told.map(({ text }) => text)).toContain(
      "the subsystem sftp is refused, because --no-exec needs --sftp-root DIR to serve it",
    );
    expect((await atServer(rootless, ["pwd"])).status).not.toBe(0);
  });

  test("restricts a key to internal-sftp, with its own root, and to no SFTP by another forced command", async () => {
    const forced = (command: string): string => `command="${command}",restrict ${folder.keyLine}`;
    writeFileSync(join(root, "open"), "open");
    const words = ["--no-exec"];
    const served = await folder.serve({ words, authorizedKeys: forced(`internal-sftp -R -l VERBOSE --root ${root}`) });
    expect(linesOf(await atServer(served, ["pwd", "ls -1"]))).toEqual(["Remote working directory: /", "open"]);
    expect((await atServer(served, ["rm open"])).stderr).toMatch(/Permission denied/);
    expect(
      await served.until(({ event, text }) => event === "note" && (text as string).startsWith("sftp remove")),
    ).toMatchObject({
      text: 'sftp remove "/open": Permission denied',
    });
    // As at sshd, a command that the client asks for is replaced by SFTP.
    expect((await run([...folder.ssh(served), "id"])).stdout.toString()).toBe("");
    expect(existsSync(join(root, "open"))).toBe(true);

    const other = await folder.serve({ authorizedKeys: forced("echo no files") });
    expect((await atServer(other, ["ls"])).status).not.toBe(0);
    const invalid = await folder.serve({ authorizedKeys: forced("internal-sftp --bad") });
    expect((await atServer(invalid, ["ls"])).status).not.toBe(0);
    expect(await invalid.until(({ event }) => event === "note")).toMatchObject({
      text: expect.stringContaining("unknown option --bad") as string,
    });
  });
});

describe("nacre sftp-server", () => {
  test("serves what people do in sftp", async () => {
    await everyday((batch) => atProgram([], batch), root);
  });

  test("starts in -d, changes nothing with -R, and applies -u", async () => {
    writeFileSync(join(local, "up"), "up", { mode: 0o666 });
    expect(linesOf(await atProgram(["-d", root], ["pwd"]))).toEqual([`Remote working directory: ${root}`]);
    linesOf(await atProgram(["-d", root, "-u", "077"], [`put ${local}/up up`, "mkdir made"]));
    expect(statSync(join(root, "made")).mode & 0o777).toBe(0o700);
    expect((await atProgram(["-R", "-d", root], ["rm up"])).stderr).toMatch(/Permission denied/);
    expect(readdirSync(root).toSorted()).toEqual(["made", "up"]);
    expect(linesOf(await atProgram(["--root", root], ["pwd", "ls -1"]))).toEqual([
      "Remote working directory: /",
      "made",
      "up",
    ]);
  });

  test("denies requests with -P, allows only those with -p, and logs with -e and -l", async () => {
    writeFileSync(join(root, "f"), "f");
    const denied = await atProgram(
      ["-d", root, "-e", "-l", "INFO", "-P", "remove,mkdir"],
      ["-rm f", "-mkdir d", "ls -1"],
    );
    expect(denied.stderr).toMatch(/delete .*f: Permission denied/);
    expect(denied.stderr).toContain(`sftp remove "${root}/f": Permission denied\n`);
    expect(denied.stderr).toContain(`sftp opendir "${root}`);
    expect(readdirSync(root)).toEqual(["f"]);
    const reading = "realpath,stat,lstat,open,read,fstat,limits";
    const allowed = await atProgram(["-d", root, "-p", reading], [`get f ${local}/f`, "-ls", "-rm f", "-rename f g"]);
    expect(allowed.stderr).toMatch(/readdir|Permission denied/);
    expect(readFileSync(join(local, "f"), "utf8")).toBe("f");
    expect(readdirSync(root)).toEqual(["f"]);
    rmSync(join(local, "f"));
  });

  test("refuses invalid options before it reads anything", async () => {
    const { status, stderr } = await run(commandLine(["sftp-server", "-p", "none"]));
    expect(status).toBe(255);
    expect(stderr).toMatch(/^nacre: unknown request "none" in -p; expected open, /);
  });
});
