import { describe, expect, test } from "vitest";
import { type ForwardArgument, parseForward, parseStdioTarget } from "../src/forward-arguments.ts";

type Expected = Pick<ForwardArgument, "listen" | "target">;
const web = { host: "web", port: 80 };

describe.each(["-L", "-R"] as const)("%s takes", (option) => {
  test.each<[string, Expected]>([
    ["8080:web:80", { listen: { port: 8080 }, target: web }],
    ["localhost:8080:web:80", { listen: { host: "localhost", port: 8080 }, target: web }],
    ["192.0.2.1:8080:web:80", { listen: { host: "192.0.2.1", port: 8080 }, target: web }],
    ["*:8080:web:80", { listen: { host: "*", port: 8080 }, target: web }],
    [":8080:web:80", { listen: { host: "*", port: 8080 }, target: web }],
    ["[::1]:8080:[2001:db8::1]:80", { listen: { host: "::1", port: 8080 }, target: { host: "2001:db8::1", port: 80 } }],
    ["8080:[2001:db8::1]:80", { listen: { port: 8080 }, target: { host: "2001:db8::1", port: 80 } }],
    ["[fe80::1%eth0]:8080:[web]:80", { listen: { host: "fe80::1%eth0", port: 8080 }, target: web }],
    ["8080:/run/web.sock", { listen: { port: 8080 }, target: { path: "/run/web.sock" } }],
    ["localhost:8080:/run/web.sock", { listen: { host: "localhost", port: 8080 }, target: { path: "/run/web.sock" } }],
    ["[::1]:8080:/run/web.sock", { listen: { host: "::1", port: 8080 }, target: { path: "/run/web.sock" } }],
    ["*:8080:./web.sock", { listen: { host: "*", port: 8080 }, target: { path: "./web.sock" } }],
    ["/tmp/l.sock:web:80", { listen: { path: "/tmp/l.sock" }, target: web }],
    ["/tmp/l.sock:[::1]:80", { listen: { path: "/tmp/l.sock" }, target: { host: "::1", port: 80 } }],
    ["/tmp/l.sock:/run/web.sock", { listen: { path: "/tmp/l.sock" }, target: { path: "/run/web.sock" } }],
    ["65535:web:65535", { listen: { port: 65535 }, target: { host: "web", port: 65535 } }],
  ])("%s", (text, expected) => {
    expect(parseForward(option, text)).toEqual({ option, ...expected });
  });

  test.each([
    ["8080:web:0", '"0" is not a port: give a number from 1 to 65535'],
    ["8080:web:http", '"http" is not a port'],
    ["8080:web:", '"" is not a port'],
    ["65536:web:80", '"65536" is not a port'],
    ["-1:web:80", '"-1" is not a port'],
    ["8080::80", "the host to connect to is empty"],
    ["a:b:8080:web:80", "it has too many parts"],
    ["a:8080:web:80:/socket", "it has too many parts"],
    ["2001:db8::1:8080:web:80", "it has too many parts"],
    ["[::1:8080:web:80", "an IPv6 address has brackets: [2001:db8::1]"],
    ["[::1]x:8080:web:80", "an IPv6 address has brackets"],
    ["/tmp/l.sock:web", "it names no host and port to connect to"],
    ["/tmp/l.sock:web:80:1", "it names no host and port to connect to"],
    ["", '"" is not a port'],
  ])("not %s: %s", (text, message) => {
    expect(() => parseForward(option, text)).toThrow(
      expect.objectContaining({
        code: "usage",
        message: expect.stringMatching(new RegExp(`^${option} .*; it takes \\[bind:\\]port:host:hostport, `)),
      }),
    );
    expect(() => parseForward(option, text)).toThrow(message);
  });
});

describe("-L", () => {
  test.each([
    ["8080", "it names no target"],
    ["localhost:8080", "it names no target"],
    ["/tmp/l.sock", "it names no target"],
    ["0:web:80", '"0" is not a port: give a number from 1 to 65535'],
  ])("does not take %s: %s", (text, message) => {
    expect(() => parseForward("-L", text)).toThrow(message);
  });
});

describe("-R", () => {
  test.each<[string, Expected]>([
    ["0:web:80", { listen: { port: 0 }, target: web }],
    ["*:0:web:80", { listen: { host: "*", port: 0 }, target: web }],
    ["0", { listen: { port: 0 }, target: undefined }],
    ["1080", { listen: { port: 1080 }, target: undefined }],
    ["localhost:1080", { listen: { host: "localhost", port: 1080 }, target: undefined }],
    [":1080", { listen: { host: "*", port: 1080 }, target: undefined }],
    ["[::1]:1080", { listen: { host: "::1", port: 1080 }, target: undefined }],
    ["/run/socks.sock", { listen: { path: "/run/socks.sock" }, target: undefined }],
  ])("takes %s", (text, expected) => {
    expect(parseForward("-R", text)).toEqual({ option: "-R", ...expected });
  });
});

describe("-D", () => {
  test.each<[string, Expected["listen"]]>([
    ["1080", { port: 1080 }],
    ["localhost:1080", { host: "localhost", port: 1080 }],
    ["*:1080", { host: "*", port: 1080 }],
    [":1080", { host: "*", port: 1080 }],
    ["[::1]:1080", { host: "::1", port: 1080 }],
  ])("takes %s", (text, listen) => {
    expect(parseForward("-D", text)).toEqual({ option: "-D", listen, target: undefined });
  });

  test.each([
    ["0", '"0" is not a port'],
    ["1080:web:80", "SOCKS has no target: each connection names its own"],
    ["1080:/run/web.sock", "SOCKS has no target"],
    ["/tmp/l.sock", "SOCKS is served at a port"],
    ["socks", '-D socks: "socks" is not a port: give a number from 1 to 65535; it takes [bind:]port'],
  ])("does not take %s: %s", (text, message) => {
    expect(() => parseForward("-D", text)).toThrow(message);
  });
});

describe("-W", () => {
  test.each([
    ["web:80", web],
    ["[2001:db8::1]:80", { host: "2001:db8::1", port: 80 }],
    ["/run/web.sock", { path: "/run/web.sock" }],
  ])("takes %s", (text, expected) => {
    expect(parseStdioTarget(text)).toEqual(expected);
  });

  test.each([
    ["web", "it names no host and port to connect to"],
    [":80", "the host to connect to is empty"],
    ["web:80:1", "it names no host and port to connect to"],
    ["2001:db8::1", "it names no host and port to connect to"],
    ["web:0", '-W web:0: "0" is not a port: give a number from 1 to 65535; it takes host:port or /socket'],
  ])("does not take %s: %s", (text, message) => {
    expect(() => parseStdioTarget(text)).toThrow(message);
  });
});
