import { describe, expect, test } from "vitest";
import { type CopyArguments, parseCopyArguments } from "../../src/cp/arguments.ts";
import { type Place, readPlace } from "../../src/cp/place.ts";

const local = (path: string): Place => ({ kind: "local", path });
const remote = (host: string, path: string, user?: string, port?: number): Place => ({
  kind: "remote",
  host,
  user,
  port,
  path,
});

describe("readPlace", () => {
  test.each<[string, Place]>([
    ["file", local("file")],
    ["./a:b", local("./a:b")],
    ["dir/a:b", local("dir/a:b")],
    [":a", local(":a")],
    ["/", local("/")],
    ["host:", remote("host", "")],
    ["host:file", remote("host", "file")],
    ["host:/a b", remote("host", "/a b")],
    ["host:a:b", remote("host", "a:b")],
    ["alice@host:file", remote("host", "file", "alice")],
    ["alice@corp@host:x", remote("host", "x", "alice@corp")],
    ["[::1]:file", remote("::1", "file")],
    ["alice@[fe80::1%eth0]:/x", remote("fe80::1%eth0", "/x", "alice")],
    ["host:~", remote("host", "")],
    ["host:~/x", remote("host", "x")],
    ["host:~//x", remote("host", "x")],
    ["host:a~", remote("host", "a~")],
    ["host:~bob/x", remote("host", "~bob/x")],
    ["host:./~bob", remote("host", "./~bob")],
    ["host:new\nline", remote("host", "new\nline")],
    ["ssh://host", remote("host", "")],
    ["ssh://host/", remote("host", "")],
    ["scp://alice@host:2222/a/b", remote("host", "a/b", "alice", 2222)],
    ["SFTP://host//etc/x", remote("host", "/etc/x")],
    ["sftp://host/~/x", remote("host", "x")],
    ["sftp://alice%40corp@host/a%20b%2fc", remote("host", "a b/c", "alice@corp")],
    ["sftp://[::1]:22/%e6%97%a5", remote("::1", "日", undefined, 22)],
    ["sftp://host/a:b@c", remote("host", "a:b@c")],
    ["http://host/x", remote("http", "//host/x")],
  ])("parses %j", (word, expected) => {
    expect(readPlace(word, false)).toEqual(expected);
  });

  test("keeps bytes that are not UTF-8", async () => {
    const { encodePath } = await import("@nacre/files");
    const { path } = readPlace("sftp://host/a%ffb", false);
    expect(encodePath(path)).toEqual(Uint8Array.of(0x61, 0xff, 0x62));
  });

  test("takes a drive of Windows as local, there only", () => {
    expect(readPlace("C:\\x", true)).toEqual(local("C:\\x"));
    expect(readPlace("C:x", false)).toEqual(remote("C", "x"));
    expect(readPlace("cc:x", true)).toEqual(remote("cc", "x"));
    for (const word of ["\\\\?\\C:\\x", ".\\a:b", "\\\\server\\share\\a:b"])
      expect(readPlace(word, true)).toEqual(local(word));
    expect(() => readPlace(".\\a:b", false)).toThrow("invalid characters");
  });

  test.each([
    ["", "empty path"],
    ["@host:x", "empty user name"],
    ["alice@:x", "missing host"],
    ["sftp:///x", "missing host"],
    ["sftp://host/%", "invalid percent-encoding"],
    ["sftp://host/%4", "invalid percent-encoding"],
    ["sftp://alice:secret@host/x", "invalid sftp:// address"],
    ["sftp://host:0/x", 'invalid port "0"'],
  ])("refuses %j", (word, message) => {
    expect(() => readPlace(word, false)).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining(message) as string }),
    );
  });

  test("does not repeat a password in its message", () => {
    expect(() => readPlace("sftp://alice:secret@host/x", false)).toThrow(/^(?!.*secret)/);
  });
});

const DEFAULTS: CopyArguments = {
  sources: [local("a")],
  target: remote("host", "b"),
  port: undefined,
  recursive: false,
  preserve: false,
  resume: false,
  verify: undefined,
  limit: undefined,
  symlinks: "follow",
  usesScp: false,
  quiet: false,
  settings: [],
  configFile: undefined,
  knownHosts: undefined,
  acceptNew: false,
  hostKeys: [],
  trace: false,
  keyLogFile: undefined,
};

describe("parseCopyArguments", () => {
  test.each<[string, Partial<CopyArguments>]>([
    ["a host:b", {}],
    ["-rp a host:b", { recursive: true, preserve: true }],
    ["-4 a host:b", { settings: [{ text: "AddressFamily inet", replaces: true }] }],
    ["-6 a host:b", { settings: [{ text: "AddressFamily inet6", replaces: true }] }],
    ["-q --resume a host:b", { quiet: true, resume: true }],
    ["-O -rp --symlinks skip a host:b", { usesScp: true, recursive: true, preserve: true, symlinks: "skip" }],
    ["--verify a host:b", { verify: "sha256" }],
    ["--verify=size a host:b", { verify: "size" }],
    ["--limit 1500 a host:b", { limit: 1500 }],
    ["--limit=1.5k a host:b", { limit: 1536 }],
    ["--limit 2M a host:b", { limit: 2 * 1024 * 1024 }],
    ["--limit 1G a host:b", { limit: 1024 ** 3 }],
    ["--symlinks keep a host:b", { symlinks: "keep" }],
    ["-P 2222 a host:b", { port: 2222 }],
    [
      "-i key -J jump a host:b",
      {
        settings: [
          { text: 'IdentityFile "key"', replaces: false, problem: undefined, keyFile: "key" },
          { option: "-J", text: "jump" },
        ],
      },
    ],
    ["a c host:b", { sources: [local("a"), local("c")] }],
    ["host:a b", { sources: [remote("host", "a")], target: local("b") }],
    ["one:a two:b", { sources: [remote("one", "a")], target: remote("two", "b") }],
    ["-- -a host:b", { sources: [local("-a")] }],
  ])("parses %s", (line, expected) => {
    expect(parseCopyArguments(line.split(" "))).toEqual({ ...DEFAULTS, ...expected });
  });

  test.each([
    ["", "missing source or target"],
    ["host:a", "missing source or target"],
    ["a b", "both on this machine"],
    ["a host:c b", "both on this machine"],
    ["--verify=md5 a host:b", 'invalid value "md5" of --verify; expected size, sha256'],
    ["--symlinks no a host:b", 'invalid value "no" of --symlinks'],
    ["--limit 1023 a host:b", 'invalid rate "1023"; expected at least 1024 bytes a second'],
    ["--limit 1.5X a host:b", 'invalid rate "1.5X"'],
    ["--limit -1 a host:b", 'invalid rate "-1"'],
    ["-P x a host:b", 'invalid port "x"'],
    ["--resume=yes a host:b", "--resume takes no value"],
    ["-z a host:b", "unknown option -z"],
    ["-p2222 a host:b", "unknown option -2; the port is -P"],
    ["-l 100 a host:b", "unknown option -l; use --limit RATE, in bytes a second"],
    ["-O --resume a host:b", "-O and --resume cannot be combined"],
    ["-O --verify a host:b", "-O and --verify cannot be combined"],
    ["-O --limit 1M a host:b", "-O and --limit cannot be combined"],
    ["-O --symlinks keep a host:b", "-O and --symlinks=keep cannot be combined"],
    ["-O one:a two:b", "-O copies to or from this machine"],
  ])("refuses %j", (line, message) => {
    expect(() => parseCopyArguments(line === "" ? [] : line.split(" "))).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining(message) as string }),
    );
  });
});
