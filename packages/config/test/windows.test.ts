import { describe, expect, it } from "vitest";
import { failure, printed, resolve } from "./resolve.ts";

const windows = { systemFolder: "C:\\ProgramData\\ssh\\" };

const included = (word: string, path: string, kind: "user" | "system" = "user"): string | undefined =>
  printed("port", `Include ${word}\n`, { windows, disk: { [path]: "Port 7\n" }, files: [{ path: "/c", kind }] });

describe("Include on Windows", () => {
  it.each([
    ["C:\\x\\part", "C:\\x\\part"],
    ["d:/part", "d:/part"],
    ["part", "/home/me/.ssh/part"],
    ["~\\part", "/home/me\\part"],
    ["~/part", "/home/me/part"],
  ])("%s", (word, path) => expect(included(word, path)).toBe("7"));

  it("in the system's file is in the folder of that file, not on the current drive", () => {
    expect(included("part", "C:\\ProgramData\\ssh\\part", "system")).toBe("7");
    expect(included("part", "/etc/ssh/part", "system")).toBe("22");
    const unknown = { windows: { systemFolder: undefined }, disk: { "/etc/ssh/part": "Port 7\n" } };
    const files = [{ path: "/c", kind: "system" }] as const;
    expect(String(failure("Include part\n", { ...unknown, files }))).toContain("relative include path part");
  });

  it("has names with colons and backslashes elsewhere", () => {
    const disk = { "/home/me/.ssh/C:/part": "Port 7\n" };
    expect(printed("port", "Include C:/part\n", { disk })).toBe("7");
    expect(String(failure("UserKnownHostsFile ~\\x\n"))).toContain("No such user");
  });
});

it("refuses a typed name with a variable of cmd.exe", () => {
  for (const typed of [{ host: "a%PATH%b" }, { commandLine: [{ option: "-l", text: "%OS%" }] }] as const) {
    expect(failure("", { windows, ...typed })).toMatchObject({
      code: "usage",
      message: "hostname or username contains invalid characters",
    });
    expect(() => resolve("", typed)).not.toThrow();
  }
  expect(() => resolve("", { windows, host: "fe80::1%12" })).not.toThrow();
});

describe("a forward on Windows", () => {
  const pipe = "\\\\.\\pipe\\docker_engine";

  it.each([
    ["-L", `8080:${pipe}`, "localForward"],
    ["-R", `8080:${pipe}`, "remoteForward"],
    ["-L", `${pipe}:localhost:80`, "localForward"],
  ] as const)("%s %s has a named pipe", (option, text, keyword) => {
    const { values } = resolve("", { windows, commandLine: [{ option, text }] });
    const [forward] = values[keyword];
    const ends = [forward!.listen, forward!.target];
    expect(ends).toContainEqual({ kind: "socket", path: pipe });
    expect(ends).toContainEqual(expect.objectContaining({ kind: "tcp" }));
  });

  it("between a pipe and a socket of the server", () => {
    const { values } = resolve("", { windows, commandLine: [{ option: "-L", text: `${pipe}:/run/x` }] });
    expect(values.localForward).toEqual([
      { listen: { kind: "socket", path: pipe }, target: { kind: "socket", path: "/run/x" } },
    ]);
  });
});
