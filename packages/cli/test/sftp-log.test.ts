import type { SftpRequestEvent } from "@nacre/node/sftp-server";
import { expect, test } from "vitest";
import { faultLine, requestLine } from "../src/serve/sftp-log.ts";
import type { SftpLogLevel } from "../src/serve/sftp-server-arguments.ts";

const event: SftpRequestEvent = { request: "mkdir", path: "/d", otherPath: undefined, refusal: undefined };

test.each<[SftpLogLevel, Partial<SftpRequestEvent>, string | undefined]>([
  ["none", { refusal: "File exists" }, undefined],
  ["errors", {}, undefined],
  ["errors", { refusal: "File exists" }, 'sftp mkdir "/d": File exists'],
  ["errors", { request: "stat", refusal: "No such file or directory" }, undefined],
  ["errors", { request: "stat", refusal: "Permission denied" }, 'sftp stat "/d": Permission denied'],
  ["changes", {}, 'sftp mkdir "/d"'],
  ["changes", { request: "read" }, undefined],
  ["changes", { request: "rename", otherPath: "/e" }, 'sftp rename "/d" "/e"'],
  ["all", { request: "read" }, 'sftp read "/d"'],
  ["all", { request: "stat", refusal: "No such file or directory" }, 'sftp stat "/d": No such file or directory'],
  ["all", { request: "users-groups-by-id", path: undefined }, "sftp users-groups-by-id"],
])("the level %j shows %j as %j", (level, change, expected) => {
  expect(requestLine({ ...event, ...change }, level)).toBe(expected);
});

test("a path cannot forge a line or a quote", () => {
  const line = requestLine({ ...event, path: 'a"\n\u001B[2J\u202E' }, "all")!;
  expect(line).toMatch(/^sftp mkdir "a\\"[ -~]*"$/);
});

test("a fault is shown with its path and message", () => {
  const error = new Error("EUCLEAN: structure needs cleaning");
  expect(faultLine({ type: "failed", request: "stat", path: "/d", error })).toBe(
    'sftp stat "/d" failed: EUCLEAN: structure needs cleaning',
  );
  expect(faultLine({ type: "failed", request: "home-directory", path: undefined, error: "x" })).toBe(
    "sftp home-directory failed: x",
  );
});
