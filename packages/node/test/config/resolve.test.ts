import { execFileSync } from "node:child_process";
import { mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { readConfigFile } from "../../src/config/files.ts";
import { portOf } from "../../src/config/machine.ts";
import { resolveOn } from "../../src/config/resolve.ts";
import { splitHost } from "../../src/config/split-host.ts";
import { loadConfig, resolveConfig } from "../../src/index.ts";
import { codeOf, temporaryFolder } from "../support.ts";
import { homeWith } from "./support.ts";

/** Returns a path with one separator: Windows has two. */
const slashed = (path = ""): string => path.replaceAll("\\", "/");

describe("resolveConfig", () => {
  test("answers from the files of a home folder, with file and line of each value", async () => {
    const { home, machine, write } = await homeWith("Host db\n  Include conf.d/*\n  Port 2222\n");
    await write(".ssh/conf.d/b", "Port 1\nUser second\n");
    await write(".ssh/conf.d/a", "User first\nHostName %h.example.org\n");
    await write(".ssh/conf.d/.hidden", "User hidden\n");
    const { values, origins } = await resolveOn(machine, { host: "db" }, {});
    expect([values.user, values.hostName, values.port]).toEqual(["first", "db.example.org", 1]);
    const [user] = origins.user ?? [];
    expect([slashed(user?.file), user?.line]).toEqual([slashed(`${home}/.ssh/conf.d/a`), 1]);
    expect(slashed(values.userKnownHostsFile[0])).toBe(slashed(`${home}/.ssh/known_hosts`));
  });

  test("takes the user and port that were given before those of files", async () => {
    const { machine } = await homeWith("Match user bob\n  HostName bobs\nHost *\n  Port 1\n  User alice\n");
    const { values } = await resolveOn(machine, { host: "db", user: "bob", port: 7 }, {});
    expect([values.user, values.hostName, values.port]).toEqual(["bob", "bobs", 7]);
  });

  test("reads a named file, a loaded one, or none", async () => {
    const { home, write, values } = await homeWith("Port 1\n");
    const path = await write("other", "Port 2\n");
    const ports = [true, false, path, "~/other", await loadConfig(path), await loadConfig()].map(
      async (config) => (await values("db", { config })).port,
    );
    expect(await Promise.all(ports)).toEqual([1, 22, 2, 2, 2, 1]);
    await expect(values("db", { config: `${home}/none` })).rejects.toMatchObject({
      code: "file-unreadable",
      message: `Can't open user config file ${home}/none: No such file or directory`,
    });
    await expect(loadConfig(`${home}/none`)).rejects.toMatchObject({ code: "file-unreadable" });
  });

  test("lists all bad lines of a file", async () => {
    const { home, values } = await homeWith("Prot 1\nPort x\n");
    const config = join(home, ".ssh", "config");
    await expect(values("db")).rejects.toMatchObject({
      code: "file-malformed",
      message: [
        `${config}: line 1: Bad configuration option: prot`,
        `${config} line 2: Bad port 'x'.`,
        `${config}: terminating, 2 bad configuration options`,
      ].join("\n"),
    });
  });

  test("offers Nacre's lists by default, and knows the names of OpenSSH", async () => {
    const { values } = await homeWith("Ciphers +3des-cbc\nHostKeyAlgorithms *mldsa44-ed25519@*\n");
    const { ciphers, hostKeyAlgorithms } = await values("db");
    expect([ciphers.includes("aes128-gcm@openssh.com"), ciphers.at(-1)]).toEqual([true, "3des-cbc"]);
    expect(hostKeyAlgorithms).toEqual(["ssh-mldsa44-ed25519@openssh.com"]);
  });

  test("takes a text with user and port, and settings of a command line", async () => {
    const { values } = await resolveConfig("alice@db:2222", { config: false });
    expect([values.user, values.hostName, values.port]).toEqual(["alice", "db", 2222]);
    const typed = await resolveConfig("db", { config: false, commandLine: [{ text: "Port=7" }] });
    expect(typed.values.port).toBe(7);
  });

  test.each<[string, () => Promise<unknown>]>([
    ["a host", () => resolveConfig(1 as unknown as string)],
    ["an option", () => resolveConfig("db", { comands: true } as object)],
    ["a configuration", () => resolveConfig("db", { config: 1 as unknown as string })],
    ["a time limit", () => resolveConfig("db", { commandTimeout: 0 })],
    ["a path", () => loadConfig("")],
  ])("rejects %s that is wrong with `usage`", async (_, call) => {
    expect(await codeOf(call())).toBe("usage");
  });
});

function isRunning(pid: string): boolean {
  try {
    return !execFileSync("ps", ["-o", "stat=", "-p", pid], { encoding: "utf8" }).startsWith("Z");
  } catch {
    return false;
  }
}

describe("Match exec", () => {
  test("runs the shell with tokens, without input and output", async () => {
    const { home, values } = await homeWith(
      `Match exec "cat; echo %h > %d/ran; test -t 1 || true"\n  Port 7\nMatch exec "exit 3"\n  User no\n`,
    );
    expect(await values("db")).toMatchObject({ port: 7, user: "me" });
    expect(await readFile(`${home}/ran`, "utf8")).toBe("db\n");
  });

  test("a command that a signal ends, and a shell that is missing, do not match", async () => {
    const { machine, values } = await homeWith('Match exec "kill -9 $$"\n  Port 7\n');
    expect((await values("db")).port).toBe(22);
    const { values: none } = await resolveOn(
      { ...machine, system: { ...machine.system, environment: { SHELL: "/none" } } },
      { host: "db" },
      {},
    );
    expect(none.port).toBe(22);
  });

  test.each<[string, string, (abort: () => void) => void, object, string]>([
    ["the time limit", "sleep 100 & echo $! > %d/pid; wait", () => {}, { commandTimeout: 3000 }, "aborted"],
    ["the signal", "sleep 100 & echo $! > %d/pid; wait", (abort) => abort(), {}, "aborted"],
    ["the end of the command", "sleep 100 & echo $! > %d/pid", () => {}, {}, "no error"],
  ])("%s ends the processes of the command", async (_, command, act, options, code) => {
    const { home, values } = await homeWith(`Match exec "${command}"\n`);
    const abort = new AbortController();
    const resolving = codeOf(values("db", { ...options, signal: abort.signal }));
    const pid = await vi.waitFor(async () => {
      const text = (await readFile(`${home}/pid`, "utf8")).trim();
      expect(text).toMatch(/^\d+$/);
      return text;
    }, 10_000);
    act(() => abort.abort());
    expect(await resolving).toBe(code);
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), 10_000);
  });

  test("nothing runs for a signal that has aborted", async () => {
    const { home, values } = await homeWith('Match exec "touch %d/ran"\n');
    expect(await codeOf(values("db", { signal: AbortSignal.abort() }))).toBe("aborted");
    await wait(50);
    await expect(readFile(`${home}/ran`)).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("a configuration file", () => {
  test("may be the null device, also through a link", async () => {
    const folder = await temporaryFolder();
    await symlink("/dev/null", join(folder, "link"));
    for (const path of ["/dev/null", join(folder, "link")])
      expect(await readConfigFile(path, true, 0)).toEqual({ text: "" });
  });

  test("is unreadable in a loop of links or with a NUL in its path, else missing", async () => {
    const folder = await temporaryFolder();
    await symlink("loop", join(folder, "loop"));
    expect(await readConfigFile(join(folder, "loop"), false, 0)).toMatchObject({ problem: "unreadable" });
    expect(await readConfigFile(join(folder, "a\0b"), false, 0)).toMatchObject({ problem: "unreadable" });
    expect(await readConfigFile(join(folder, "none", "none"), false, 0)).toEqual({ problem: "missing" });
  });

  test("is found by a pattern in each part of its path", async () => {
    const { home, write, values } = await homeWith("");
    const main = await write("main", `Include ${home}/c?[12]/*.d/\\*\n`);
    for (const folder of ["ca1", "ca2", "ca3"]) await write(`${folder}/x.d/*`, `SetEnv ${folder}=1\nUser ${folder}\n`);
    await mkdir(join(home, "cb1"));
    expect((await values("db", { config: main })).user).toBe("ca1");
  });
});

test("services have a port by name and alias", () => {
  const services = "# comment\nssh 22/tcp # SSH\nhttp 80/udp\nhttp 80/tcp www\n";
  expect(["ssh", "www", "http", "none"].map((name) => portOf(name, services))).toEqual([22, 80, 80, undefined]);
});

test.each<[string, object]>([
  ["db", { host: "db", user: undefined, port: undefined }],
  ["a@b@db:22", { host: "db", user: "a@b", port: 22 }],
  ["[::1]:7", { host: "::1", user: undefined, port: 7 }],
  ["ssh://a%40b;x=y@db:7/", { host: "db", user: "a@b", port: 7 }],
])("splits %s", (text, expected) => {
  expect(splitHost(text)).toEqual(expected);
});
