import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/sftp/commands.ts";
import { parseCommand, readLine } from "../../src/sftp/parse.ts";

describe("readLine", () => {
  test.each([
    ["ls", { text: "ls", ignoresErrors: false, isQuiet: false }],
    ["  ls -l ", { text: "ls -l ", ignoresErrors: false, isQuiet: false }],
    ["-rm x", { text: "rm x", ignoresErrors: true, isQuiet: false }],
    ["@ls", { text: "ls", ignoresErrors: false, isQuiet: true }],
    ["@- ls", { text: "ls", ignoresErrors: true, isQuiet: true }],
    ["-@ls", { text: "ls", ignoresErrors: true, isQuiet: true }],
    ["", { text: "", ignoresErrors: false, isQuiet: false }],
    ["   ", { text: "", ignoresErrors: false, isQuiet: false }],
    ["# ls", { text: "", ignoresErrors: false, isQuiet: false }],
    ["@#x", { text: "", ignoresErrors: false, isQuiet: true }],
  ])("reads %j", (line, expected) => {
    expect(readLine(line)).toEqual(expected);
  });
});

/** Returns a command as text: name, flags, words. */
function parsed(line: string): readonly [string, string, ...string[]] {
  const found = parseCommand(line, COMMANDS);
  if (found.type === "shell") return ["!", found.line];
  const { command, call } = found;
  return [command.names[0]!, [...call.flags].join(""), ...call.words.map(({ text }) => text)];
}

describe("parseCommand", () => {
  test.each<[string, readonly string[]]>([
    ["ls", ["ls", ""]],
    ["LS -la", ["ls", "la"]],
    ["dir -1 -t x", ["ls", "1t", "x"]],
    ["get a", ["get", "", "a"]],
    ["get -Rp a b", ["get", "Rp", "a", "b"]],
    ["get -- -a", ["get", "", "-a"]],
    ["get a -b", ["get", "", "a", "-b"]],
    ["put -a 'a b'", ["put", "a", "a b"]],
    ["chmod 644 f", ["chmod", "", "644", "f"]],
    ["ln -s a b", ["ln", "s", "a", "b"]],
    ["lls -l --all x", ["lls", "", "-l", "--all", "x"]],
    ["cd", ["cd", ""]],
    ["?", ["help", ""]],
    ["bye", ["quit", ""]],
    ["!ls 'a b", ["!", "ls 'a b"]],
    ["!", ["!", ""]],
    ["rm -", ["rm", "", "-"]],
  ])("parses %j", (line, expected) => {
    expect(parsed(line)).toEqual(expected);
  });

  test.each([
    ["nope", 'unknown command "nope"'],
    ["''", 'unknown command ""'],
    ["get", "expected get [-afpr] remote [local]"],
    ["get a b c", "expected get [-afpr] remote [local]"],
    ["get -x a", "get has no flag -x"],
    ["rename a", "expected rename old new"],
    ["pwd x", "expected pwd;"],
    ["chmod 644", "expected chmod [-h] mode path"],
    ["ls 'x", "missing closing '"],
  ])("refuses %j", (line, message) => {
    expect(() => parsed(line)).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining(message) as string }),
    );
  });

  test("returns a command or throws usage for every line", () => {
    const words = ["get", "-r", "put", "ls", "'", '"', "\\", "*", "#", "!", "--", "-", "a b", "日", "chmod", "0"];
    let state = 99;
    const next = (limit: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % limit;
    };
    let refused = 0;
    for (let i = 0; i < 3000; i++) {
      const line = Array.from({ length: next(6) }, () => words[next(words.length)]).join(next(3) === 0 ? "" : " ");
      try {
        parsed(line);
      } catch (error) {
        expect([line, error]).toEqual([line, expect.objectContaining({ code: "usage" })]);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(300);
    expect(refused).toBeLessThan(2900);
  });
});

test("no two commands have the same name, and every usage fits its number of words", () => {
  const names = COMMANDS.flatMap((command) => command.names);
  expect(new Set(names).size).toBe(names.length);
  for (const {
    usage,
    flags,
    count,
    names: [name],
  } of COMMANDS) {
    const words = usage.split(" ").filter((word) => /^\[?[a-z]+\]?$/.test(word));
    const least = words.filter((word) => !word.startsWith("[")).length;
    expect([name, least]).toEqual([name, count[0]]);
    // Every flag that the usage shows exists.
    for (const letter of /\[-([A-Za-z0-9]+)\]/.exec(usage)?.[1] ?? "") expect(flags).toContain(letter);
  }
});
