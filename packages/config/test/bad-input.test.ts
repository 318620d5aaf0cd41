import { SshError } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { failure, printed, resolve } from "./resolve.ts";

const MEBIBYTE = 1024 * 1024;

/** Fills a file up to its largest size with one line. */
const long = (beginning: string, filling: string) =>
  (beginning + filling.repeat(MEBIBYTE / filling.length)).slice(0, MEBIBYTE);

const message = (config: string, host = "h") => {
  const error = failure(config, { host });
  expect(error).toBeInstanceOf(SshError);
  return (error as SshError).message;
};

it("reads a file of NULs as empty lines", () => {
  expect(printed("port", "\0".repeat(MEBIBYTE))).toBe("22");
  expect(printed("port", "\0\n".repeat(50_000))).toBe("22");
});

describe("one line of 1 MiB", () => {
  it.each([
    ["a comment", "#", "x"],
    ["blanks", "", " "],
    ["a path", "IdentityFile ", "x"],
    ["a path in brackets and quotes", 'IdentityFile ""', "[x]"],
    ["a command", "ProxyCommand ", "%h#"],
    ["equals signs", "", "="],
    ["domains", "CanonicalDomains ", "a."],
    ["variables", "LocalCommand ", "${X}"],
    ["a pattern", "Host ", "*"],
    ["tokens", "RemoteCommand ", "%h"],
  ])("is read: %s", (_, beginning, filling) => {
    resolve(long(beginning, filling));
  });

  it.each([
    ["a keyword", "", "x"],
    ["words", "Host ", "a "],
    ["a list", "Match user ", "a,"],
    ["quotes", "SendEnv ", '"'.padEnd(3, "a")],
    ["words of a command", "ProxyCommand a", " %h"],
    ["a number", "Port ", "1"],
    ["a time", "ConnectTimeout ", "9w"],
    ["jump hosts", "ProxyJump ", "a,"],
    ["a forward", "LocalForward 1 ", "a:"],
    ["networks", "Match localnetwork ", "1"],
    ["algorithms", "Ciphers ", "a,"],
    ["names", "SendEnv ", "-a* "],
  ])("is an error: %s", (_, beginning, filling) => {
    const text = message(long(beginning, filling));
    expect(text).toMatch(/^\/c:? line 1|^Unsupported|\/c line 1/m);
  });
});

it("matches a pattern of 10,000 stars in Host, Match and SendEnv", () => {
  const pattern = `${"*".repeat(10_000)}b`;
  expect(printed("port", `Host ${pattern}\nPort 5\n`, { host: "a".repeat(1000) })).toBe("22");
  expect(printed("port", `Host ${pattern}\nPort 5\n`, { host: `${"a".repeat(1000)}b` })).toBe("5");
  expect(printed("port", `Match host ${pattern},!c\nPort 5\n`, { host: "ab" })).toBe("5");
  expect(resolve(`SendEnv AB${"A".repeat(1000)}\nSendEnv -${"*A".repeat(2000)}b\n`).values.sendEnv).toHaveLength(1);
});

it("refuses ~nobody where a path is expanded, and includes nothing from there", () => {
  expect(message("ControlPath ~nobody/x\n")).toBe("tilde_expand: No such user nobody");
  expect(message("UserKnownHostsFile ~nobody\n")).toBe("tilde_expand: No such user nobody");
  expect(printed("port", "Include ~nobody/x\nPort 5\n")).toBe("5");
});

it("refuses a directory and a file that cannot be read", () => {
  const problem = { problem: "unreadable", message: "Is a directory" } as const;
  expect((failure("Include /d\n", { disk: { "/d": problem } }) as SshError).message).toBe(
    "/c line 1: Can't open user config file /d: Is a directory\n/c: terminating, 1 bad configuration options",
  );
});
