import { describe, expect, it } from "vitest";
import { parsePlace, permitsAddress, permitsTarget } from "../../src/users/forward/places.ts";

describe("parsePlace", () => {
  it.each([
    ["example.org:80", { host: "example.org", port: 80 }],
    ["example.org:*", { host: "example.org", port: undefined }],
    ["*:443", { host: "*", port: 443 }],
    ["[2001:db8::1]:22", { host: "2001:db8::1", port: 22 }],
    ["[fe80::1%eth0]:*", { host: "fe80::1%eth0", port: undefined }],
    ["/run/app.sock", { path: "/run/app.sock" }],
    ["\\\\.\\pipe\\app", { path: "\\\\.\\pipe\\app" }],
    ["\\\\?\\PIPE\\app:80", { path: "\\\\?\\PIPE\\app:80" }],
    ["example.org:0", { host: "example.org", port: 0 }],
    ["example.org:65535", { host: "example.org", port: 65_535 }],
  ])("parses %s", (text, place) => {
    expect(parsePlace(text, { barePort: false })).toEqual(place);
  });

  it("parses a port alone only with barePort", () => {
    expect(parsePlace("8080", { barePort: true })).toEqual({ host: "*", port: 8080 });
    expect(parsePlace("*", { barePort: true })).toEqual({ host: "*", port: undefined });
    expect(parsePlace("8080", { barePort: false })).toBeUndefined();
  });

  it.each([
    "",
    "example.org",
    "example.org:",
    ":80",
    "example.org:65536",
    "example.org:-1",
    "example.org:http",
    "2001:db8::1:22",
    "[::1",
    "[]:80",
    "[::1]",
    "[::1]:80:80",
    "a:b:80",
    "/run/a\0b",
    "\\\\.\\pipe\\a\0b",
    "\\\\server\\pipe\\app",
    "example.org:80\n",
  ])("rejects %j", (text) => {
    for (const barePort of [false, true]) expect(parsePlace(text, { barePort })).toBeUndefined();
  });
});

describe("permitsTarget", () => {
  it.each([
    [["example.org:80"], "example.org", 80, true],
    [["example.org:80"], "example.org", 81, false],
    [["example.org:80"], "EXAMPLE.org", 80, false],
    [["example.org:80"], "www.example.org", 80, false],
    [["example.org:*"], "example.org", 1, true],
    [["*:80"], "anything", 80, true],
    [["*:80"], "anything", 81, false],
    [["*.example.org:80"], "www.example.org", 80, false],
    [["localhost:80"], "127.0.0.1", 80, false],
    [["[::1]:80"], "::1", 80, true],
    [["[::1]:80"], "[::1]", 80, false],
    [["one:1", "two:2"], "two", 2, true],
    [["one:1", "two:2"], "one", 2, false],
    [["80"], "example.org", 80, false],
    [["nonsense"], "nonsense", 80, false],
    [[], "example.org", 80, false],
  ] as const)("%j with %s port %d: %s", (list, host, port, expected) => {
    expect(permitsTarget(list, { host, port })).toBe(expected);
  });

  it("permits a Unix socket only by its path, and no host by a path", () => {
    expect(permitsTarget(["/run/app.sock"], { path: "/run/app.sock" })).toBe(true);
    expect(permitsTarget(["/run/app.sock"], { path: "/run/app.sock2" })).toBe(false);
    expect(permitsTarget(["/run"], { path: "/run/app.sock" })).toBe(false);
    expect(permitsTarget(["*:*"], { path: "/run/app.sock" })).toBe(false);
    expect(permitsTarget(["/run/app.sock"], { host: "/run/app.sock", port: 80 })).toBe(false);
  });
});

describe("permitsAddress", () => {
  it.each([
    [["8080"], "localhost", 8080, true],
    [["8080"], "", 8080, true],
    [["8080"], "localhost", 8081, false],
    [["8080"], "localhost", 0, false],
    [["*:8080"], "0.0.0.0", 8080, true],
    [["localhost:8080"], "localhost", 8080, true],
    [["localhost:8080"], "LOCALHOST", 8080, true],
    [["localhost:8080"], "127.0.0.1", 8080, false],
    [["localhost:8080"], "", 8080, false],
    [["localhost:*"], "localhost", 0, true],
    [["*.example.org:80"], "a.b.example.org", 80, true],
    [["*.example.org:80"], "example.org", 80, false],
    [["h?st:80"], "host", 80, true],
    [["h?st:80"], "hoost", 80, false],
    [["h*s*t:80"], "hsstst", 80, true],
    [["h*s*t:80"], "st", 80, false],
    [["?:80"], "", 80, false],
    [["[::1]:80"], "::1", 80, true],
    [["example.org"], "example.org", 80, false],
    [[], "localhost", 8080, false],
  ] as const)("%j with %j port %d: %s", (list, host, port, expected) => {
    expect(permitsAddress(list, { host, port })).toBe(expected);
  });

  it("treats a missing host as localhost", () => {
    expect(permitsAddress(["localhost:80"], { port: 80 })).toBe(true);
    expect(permitsAddress(["127.0.0.1:80"], { port: 80 })).toBe(false);
  });

  it("permits a Unix socket only by its path", () => {
    expect(permitsAddress(["/run/app.sock"], { path: "/run/app.sock" })).toBe(true);
    expect(permitsAddress(["*", "*:*"], { path: "/run/app.sock" })).toBe(false);
    expect(permitsAddress(["/run/*"], { path: "/run/app.sock" })).toBe(false);
  });
});
