import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { Client } from "@nacre/node";
import { LINUX, onSystem, WINDOWS } from "@nacre/testing/windows";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { findTarget, planStep } from "../src/cp/plan.ts";
import { localSide } from "../src/cp/side.ts";
import { sshfpRecords } from "../src/keygen/convert-key.ts";
import { serve } from "../src/serve/serve.ts";
import { readConfiguration } from "../src/ssh/configuration.ts";
import { runRemote } from "../src/ssh/remote.ts";
import { Askpass } from "../src/terminal/asker.ts";
import { collectComplaints, complaints, copy } from "./cp/support.ts";
import { connectToMemory, FakeTty, openSession } from "./sftp/support.ts";
import { temporaryFolder } from "./support.ts";

const resolved = vi.hoisted(() => ({ options: undefined as unknown }));
/** Paths of the files that were read. */
const read = vi.hoisted((): string[] => []);
const closed = vi.hoisted(() => vi.fn());

vi.mock(import("node:child_process"), async (original) => ({
  ...(await original()),
  spawnSync: vi.fn(() => ({}) as SpawnSyncReturns<Buffer>) as unknown as typeof spawnSync,
}));
vi.mock(import("../src/serve/inherited-descriptors.ts"), () => ({ closeInheritedDescriptors: closed }));
vi.mock(import("node:fs/promises"), async (original) => {
  const fs = await original();
  const readFile = ((path: string, ...rest: []) => {
    read.push(path);
    return fs.readFile(path, ...rest);
  }) as typeof fs.readFile;
  return { ...fs, readFile };
});
vi.mock(import("@nacre/node"), async (original) => {
  const node = await original();
  const resolveConfig: typeof node.resolveConfig = (host, options) => {
    resolved.options = options;
    return node.resolveConfig(host, { ...options, config: false });
  };
  return { ...node, resolveConfig };
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.mocked(spawnSync).mockClear();
});

/** Resolves with whether commands of the configuration may run, as `nacre HOST` asks for it. */
const commandsWith = async (configFile?: string): Promise<unknown> => {
  await readConfiguration("db", { settings: [], configFile });
  return (resolved.options as { commands?: boolean }).commands;
};

const output = (): PassThrough => new PassThrough().end();

/** Runs a session on a terminal that ends at once. Returns the type of the terminal. */
async function terminalType(): Promise<string> {
  let term = "";
  const shell = async ({ pty }: { pty: { term: string } }) => {
    term = pty.term;
    const exit = Promise.resolve({ status: 0 });
    return { stdin: new PassThrough(), stdout: output(), stderr: output(), exit, resize() {}, async close() {} };
  };
  const values = { requestTTY: "force", stdinNull: false, sessionType: "default", logLevel: "ERROR" };
  const escapes = { forwards: [], isShared: false, changeLevel: () => "", runLine: undefined, typedAhead: "" };
  expect(await runRemote({ shell } as never, values as never, undefined, escapes)).toBe(0);
  return term;
}

test("nacre serve is refused before it looks at descriptors, whose folder would be one of the current drive", async () => {
  const { getuid } = process;
  Object.assign(process, { getuid: undefined });
  onTestFinished(() => void Object.assign(process, { getuid }));
  await expect(serve([])).rejects.toMatchObject({
    code: "usage",
    message: expect.stringContaining("needs a Unix system"),
  });
  expect(closed).not.toHaveBeenCalled();
});

describe("commands of this machine", () => {
  test("lls runs no program", async () => {
    const { run, programs, folder, session } = await openSession();
    await session.sftp.writeFile("/home/ls.exe", "hostile");
    await run("get ls.exe");
    onSystem(WINDOWS);
    for (const name of ["b", "a", ".hidden"]) writeFileSync(join(folder, name), "text");
    expect(await run("lls")).toMatch(/^a +b +ls\.exe\n$/);
    expect(await run("lls -1a")).toBe(".hidden\na\nb\nls.exe\n");
    const long = await run("lls -l a");
    expect(long).toMatch(/^ +4 .{13}/);
    expect(long.endsWith(` ${join(folder, "a")}\n`)).toBe(true);
    expect(await run("lls [ab] -1")).toBe(`${join(folder, "a")}\n${join(folder, "b")}\n`);
    expect(await run("lls -z")).toContain("lls has no option -z");
    expect(await run("lls none")).toContain("[file-unreadable]");
    expect(programs).toEqual([]);
  });

  test("! passes a line to cmd.exe with its quotes", async () => {
    const { run, programs, folder } = await openSession();
    onSystem(WINDOWS);
    await run('!echo "a b"');
    expect(programs).toEqual([
      [
        {
          program: "C:\\NoWindows\\System32\\cmd.exe",
          words: ["/d", "/s", "/c", '"echo "a b""'],
          options: { windowsVerbatimArguments: true, env: expect.anything() },
        },
        folder,
      ],
    ]);
  });

  test("the program of SSH_ASKPASS has an absolute path", async () => {
    vi.stubEnv("SSH_ASKPASS", "no-such-program");
    collectComplaints();
    onSystem(LINUX);
    await new Askpass().ask("? ");
    onSystem(WINDOWS);
    expect(await new Askpass().ask("? ")).toBe("");
    vi.stubEnv("SSH_ASKPASS", undefined);
    expect(await new Askpass().ask("? ")).toBe("");
    expect(complaints().split("\n")).toEqual([
      "ssh_askpass: exec(no-such-program): No such file or directory",
      "ssh_askpass: exec(no-such-program): not an absolute path",
      "ssh_askpass: exec(): No such file or directory",
      "",
    ]);
  });

  test("commands of the system's configuration do not run", async () => {
    onSystem(LINUX);
    expect([await commandsWith(), await commandsWith("file")]).toEqual([true, true]);
    onSystem(WINDOWS);
    expect([await commandsWith(), await commandsWith("file")]).toEqual([undefined, true]);
  });
});

test("keygen -r reads the host keys of ProgramData, and none on the current drive", async () => {
  const sshfp = { action: "sshfp", name: "host", file: undefined, hashes: ["sha256"], generic: false } as const;
  read.length = 0;
  onSystem(WINDOWS);
  await expect(sshfpRecords(sshfp)).rejects.toThrow("no keys found");
  const folder = "C:\\NoProgramData\\ssh\\ssh_host_";
  expect(read).toEqual(["rsa", "ecdsa", "ed25519"].map((type) => `${folder}${type}_key.pub`));
  onSystem({ platform: "win32", environment: { ProgramData: "\\ProgramData" } });
  await expect(sshfpRecords(sshfp)).rejects.toThrow("no keys found");
  expect(read).toHaveLength(3);
});

describe("a terminal session", () => {
  const { stdin } = process;

  beforeEach(() => {
    Object.defineProperty(process, "stdin", { value: new FakeTty(), configurable: true });
    vi.stubEnv("TERM", undefined);
  });
  afterEach(() => {
    Object.defineProperty(process, "stdin", { value: stdin, configurable: true });
  });

  test("a terminal session runs no stty", async () => {
    onSystem(LINUX);
    await terminalType();
    expect(vi.mocked(spawnSync).mock.calls.map(([, words]) => words)).toEqual([["size"], ["-a"], ["-opost"]]);
    vi.mocked(spawnSync).mockClear();
    onSystem(WINDOWS);
    await terminalType();
    expect(spawnSync).not.toHaveBeenCalled();
  });

  test("has colours without TERM, which Windows does not set", async () => {
    onSystem(LINUX);
    expect(await terminalType()).toBe("dumb");
    onSystem(WINDOWS);
    expect(await terminalType()).toBe("xterm-256color");
    vi.stubEnv("TERM", "vt100");
    expect(await terminalType()).toBe("vt100");
  });
});

describe("nacre cp", () => {
  let client: Client;
  let folder: string;
  const cp = (...line: string[]): Promise<number> => copy(client, line);

  beforeEach(async () => {
    ({ client } = await connectToMemory());
    folder = await temporaryFolder();
    collectComplaints();
  }, 60_000);

  test("expands patterns, which no shell did", async () => {
    for (const name of ["a.bin", "b.bin", "c", "{x}"]) writeFileSync(join(folder, name), "");
    const local = localSide("windows");
    const at = (...names: string[]): string[] => names.map((name) => join(folder, name));
    expect(await local.expand(`${folder}\\*.bin`)).toEqual(at("a.bin", "b.bin"));
    expect(await local.expand(`${folder}/[ab].bin`)).toEqual(at("a.bin", "b.bin"));
    expect(await local.expand(`${folder}\\{a,c}*`)).toEqual(at("a.bin", "c"));
    expect(await local.expand(`${folder}\\..\\*\\c`)).toContain(join(folder, "c"));
    // A file may have the pattern as its name, and a pattern may match nothing.
    expect(await local.expand(join(folder, "{x}"))).toEqual(at("{x}"));
    expect(await local.expand(join(folder, "*.txt"))).toEqual(at("*.txt"));
    expect(await localSide("posix").expand(join(folder, "*.bin"))).toEqual(at("*.bin"));
    onSystem(WINDOWS);
    expect(await cp(join(folder, "*.bin"), "host:/")).toBe(0);
    const sftp = await client.sftp();
    expect(await sftp.readdir("/")).toEqual(["a.bin", "b.bin"]);
  });

  test("takes the second of two names that are one file for an error", async () => {
    const sftp = await client.sftp();
    await sftp.mkdir("/d");
    for (const name of ["a", "A", "b"]) await sftp.writeFile(`/d/${name}`, name);
    onSystem(WINDOWS);
    expect(await cp("host:/d/*", folder)).toBe(1);
    // Patterns are sorted.
    expect(complaints()).toBe(
      'nacre: "a" cannot be written here: on Windows it is the same file as "A" [file-unwritable]\n',
    );
    expect(readdirSync(folder)).toEqual(["A", "b"]);
    expect(readFileSync(join(folder, "A"), "utf8")).toBe("A");

    const { session, run, folder: local } = await openSession();
    for (const name of ["a", "A"]) await session.sftp.writeFile(`/home/${name}`, name);
    Object.defineProperty(session, "files", { value: { ...session.files, nameRules: "windows" } });
    expect(await run("get *")).toContain('cannot be written here: on Windows it is the same file as "A"');
    expect(session.hasFailed).toBe(true);
    expect(readdirSync(local)).toEqual(["A"]);
  });

  test("knows the names of the null device", async () => {
    onSystem(WINDOWS);
    for (const name of ["NUL", "nul", "/dev/null", "\\\\.\\NUL"])
      expect(await localSide("windows").find(name)).toMatchObject({ isSpecial: true });
    const { session } = await openSession();
    expect(session.localPath("NUL")).toBe("\\\\.\\nul");
  });

  test("shows the paths of this machine as they are typed, and those of a server escaped", async () => {
    onSystem(WINDOWS);
    const target = await findTarget(localSide(), folder, 1);
    const missing = planStep(localSide(), "C:\\Users\\a\x1b[2J", target, false);
    await expect(missing).rejects.toThrow('"C:\\Users\\a\\x1b[2J" does not exist');
    expect(await cp("host:/a\\b", folder)).toBe(1);
    expect(complaints()).toContain('"/a\\\\b" does not exist');
  });
});
