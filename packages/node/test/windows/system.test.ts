import { tmpdir } from "node:os";
import { join } from "node:path";
import { LINUX, onSystem, WINDOWS } from "@nacre/testing/windows";
import { describe, expect, test } from "vitest";
import { diskFileSystem } from "../../src/disk/disk-file-system.ts";
import { listenSocket } from "../../src/forward/bind.ts";
import { dialPath } from "../../src/forward/forward-dial.ts";
import { agentFailure } from "../../src/keys/agent-link.ts";
import { createAgent } from "../../src/keys/create-agent.ts";
import { expandHome } from "../../src/keys/files.ts";
import { checkCommand } from "../../src/keys/known-hosts-options.ts";
import { runCommand } from "../../src/net/run-command.ts";
import { shellCommand, windowsProgram } from "../../src/windows/programs.ts";
import { devicePath, isNullDevice, type System, servicesFile, showPath, systemFile } from "../../src/windows/system.ts";

const windowsWith = (environment: System["environment"]): System => ({ platform: "win32", environment });

describe("files of the system", () => {
  test("are those of OpenSSH", () => {
    expect(systemFile("ssh_known_hosts", LINUX)).toBe("/etc/ssh/ssh_known_hosts");
    expect(systemFile("ssh_known_hosts", WINDOWS)).toBe("C:\\NoProgramData\\ssh\\ssh_known_hosts");
    expect(servicesFile(LINUX)).toBe("/etc/services");
    expect(servicesFile(WINDOWS)).toBe("C:\\NoWindows\\System32\\drivers\\etc\\services");
  });

  test("are not looked for in a folder of the current drive, where every user may create files", () => {
    for (const folder of [undefined, "", "ProgramData", "\\ProgramData", "/ProgramData", "C:ProgramData"]) {
      const system = windowsWith({ ProgramData: folder, SystemRoot: folder });
      expect(systemFile("ssh_known_hosts", system)).toBeUndefined();
      expect(servicesFile(system)).toBeUndefined();
      expect(() => windowsProgram("cmd.exe", system)).toThrow("SystemRoot is not the absolute path");
    }
  });
});

describe("commands", () => {
  test("run by the user's shell", () => {
    expect(shellCommand("echo 'a b'", LINUX)).toEqual({
      program: "/bin/zsh",
      words: ["-c", "echo 'a b'"],
      options: {},
    });
    expect(shellCommand(undefined, { platform: "linux", environment: {} })).toEqual({
      program: "/bin/sh",
      words: [],
      options: {},
    });
  });

  test("run on Windows by its own cmd.exe, with their quotes, and never from the current folder", () => {
    const system = windowsWith({ ...WINDOWS.environment, ComSpec: "cmd.exe", SHELL: "/bin/sh" });
    const { program, words, options } = shellCommand('echo "a b"', system);
    expect([program, ...words]).toEqual(["C:\\NoWindows\\System32\\cmd.exe", "/d", "/s", "/c", '"echo "a b""']);
    expect(options.windowsVerbatimArguments).toBe(true);
    expect(options.env).toMatchObject({ NoDefaultCurrentDirectoryInExePath: "1", SystemRoot: "C:\\NoWindows" });
    expect(shellCommand(undefined, system).words).toEqual(["/d"]);
  });

  test("for which `spawn` throws, as it does on Windows for a script, are reported as not started", async () => {
    const call = { program: process.execPath, words: ["a NUL: \0"], options: {} };
    expect(await runCommand(call, { what: "the command" })).toMatchObject({ type: "not-started" });
  });

  test("of known hosts have a drive on Windows", () => {
    onSystem(WINDOWS);
    expect(() => checkCommand(["\\programs\\keys.exe"])).toThrow("absolute path");
    expect(() => checkCommand(["/programs/keys.exe"])).toThrow("absolute path");
    expect(() => checkCommand(["C:\\programs\\keys.exe", "%H"])).not.toThrow();
  });
});

test("the null device of Windows has many names", () => {
  for (const name of ["NUL", "nul", "\\\\.\\NUL", "\\\\?\\nul", "/dev/null"]) {
    expect(isNullDevice(name, WINDOWS), name).toBe(true);
    expect(devicePath(name, WINDOWS), name).toBe("\\\\.\\nul");
  }
  for (const name of ["nul.txt", ".\\nul", "null", "dev/null"]) expect(isNullDevice(name, WINDOWS), name).toBe(false);
  expect(["NUL", "/dev/null"].map((name) => isNullDevice(name, LINUX))).toEqual([false, true]);
  expect(devicePath("NUL", LINUX)).toBe("NUL");
});

test("a home folder is written with either separator on Windows", () => {
  onSystem(LINUX);
  expect(expandHome("~\\key", "/home/alice")).toBe("~\\key");
  onSystem(WINDOWS);
  for (const path of ["~/key", "~\\key"]) expect(expandHome(path, "/home/alice")).toBe(join("/home/alice", "key"));
  expect(expandHome("NUL", "/home/alice")).toBe("\\\\.\\nul");
});

test("a local path is shown as it is typed, without control characters", () => {
  const path = "C:\\Users\\alice\\a\x1b[2J\u202eb";
  expect(showPath(path, WINDOWS)).toBe("C:\\Users\\alice\\a\\x1b[2J\\u{202e}b");
  expect(showPath("a\\b", LINUX)).toBe("a\\\\b");
});

test("named pipes are shown as they are typed in errors of forwards and agents", async () => {
  onSystem(WINDOWS);
  const pipe = "\\\\.\\pipe\\no-such-pipe";
  expect(agentFailure(pipe, "it hung up").message).toBe(`cannot use the SSH agent at ${pipe}: it hung up`);
  const settings = { connectTimeout: 10_000, signal: new AbortController().signal };
  await expect(dialPath(pipe, settings)).rejects.toThrow(`cannot connect to ${pipe}: `);
  // Neither system can listen at a pipe of another machine.
  const elsewhere = "\\\\.\\no-such-folder/\\app";
  const listening = listenSocket({ path: elsewhere }, {} as never, false, () => {});
  await expect(listening).rejects.toThrow(`cannot listen on ${elsewhere}: `);
});

test("serving the disk, and an agent that listens, are refused on Windows", async () => {
  onSystem(WINDOWS);
  expect(() => diskFileSystem({ root: tmpdir() })).toThrow("`diskFileSystem` does not run on Windows");
  const agent = createAgent();
  await expect(agent.listen("\\\\.\\pipe\\agent")).rejects.toThrow("an agent cannot listen on Windows");
  await agent.close();
});
