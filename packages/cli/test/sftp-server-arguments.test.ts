import { describe, expect, test } from "vitest";
import {
  expandTokens,
  parseSftpServerArguments,
  type SftpServerArguments,
} from "../src/serve/sftp-server-arguments.ts";

const DEFAULTS: SftpServerArguments = {
  root: undefined,
  startDirectory: undefined,
  readOnly: false,
  umask: undefined,
  allowRequests: undefined,
  denyRequests: [],
  logsToStderr: false,
  level: "errors",
};

const parse = (line: string): SftpServerArguments =>
  parseSftpServerArguments(line.split(" ").filter((word) => word !== ""));

describe("parseSftpServerArguments", () => {
  test.each<[string, Partial<SftpServerArguments>]>([
    ["", {}],
    ["-R", { readOnly: true }],
    ["-eR", { readOnly: true, logsToStderr: true }],
    ["-d /srv", { startDirectory: "/srv" }],
    ["-f AUTHPRIV", {}],
    ["-f local7 -l INFO", { level: "changes" }],
    ["-l QUIET", { level: "none" }],
    ["-l info", { level: "changes" }],
    ["-l DEBUG3", { level: "all" }],
    ["-p open,read,close,limits", { allowRequests: ["open", "read", "close"] }],
    ["-P write,posix-rename", { denyRequests: ["write", "posix-rename"] }],
    ["-u 077", { umask: 0o077 }],
    ["-u0", { umask: 0 }],
    ["--root /srv/files", { root: "/srv/files" }],
  ])("parses %j", (line, expected) => {
    expect(parse(line)).toEqual({ ...DEFAULTS, ...expected });
  });

  test.each([
    ["word", /unexpected argument "word"/],
    ["-x", /unknown option -x/],
    ["-l LOUD", /unknown log level "LOUD"/],
    ["-l toString", /unknown log level/],
    ["-f MAIL", /unknown log facility "MAIL"/],
    ["-u 8", /invalid umask "8"/],
    ["-u 1000", /invalid umask "1000"/],
    ["-p open,make", /unknown request "make" in -p/],
    ["-P toString", /unknown request "toString" in -P/],
    ["--root srv", /--root needs an absolute path, got "srv"/],
  ])("rejects %s", (line, message) => {
    expect(() => parse(line)).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringMatching(message) as string }),
    );
  });
});

test("expandTokens replaces the home directory and the user's name", () => {
  const values = { home: "/home/alice", user: "alice" };
  expect(expandTokens("%d/in/%u/%%u", values)).toBe("/home/alice/in/alice/%u");
  for (const text of ["%h", "a%", "%constructor"]) expect(() => expandTokens(text, values)).toThrow(/unknown token/);
});
