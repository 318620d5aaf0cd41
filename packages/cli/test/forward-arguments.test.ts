import { describe, expect, test } from "vitest";
import { type ForwardArgument, parseForward, parseStdioTarget } from "../src/ssh/forward-arguments.ts";

type Expected = Pick<ForwardArgument, "listen" | "target">;
const web = { host: "web", port: 80 };

describe.each(["-L", "-R"] as const)("%s", (option) => {
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
  ])("accepts %s", (text, expected) => {
    expect(parseForward(option, text)).toEqual({ option, ...expected });
  });

  test.each([
    ["8080:web:0", 'invalid port "0" (must be 1 to 65535)'],
    ["8080:web:http", 'invalid port "http"'],
    ["8080:web:", 'invalid port ""'],
    ["65536:web:80", 'invalid port "65536"'],
    ["-1:web:80", 'invalid port "-1"'],
    ["8080::80", "the target host is empty"],
    ["a:b:8080:web:80", "too many fields (write an IPv6 address in brackets)"],
    ["a:8080:web:80:/socket", "too many fields (write an IPv6 address in brackets)"],
    ["2001:db8::1:8080:web:80", "too many fields (write an IPv6 address in brackets)"],
    ["[::1:8080:web:80", "brackets must enclose a whole IPv6 address: [2001:db8::1]"],
    ["[::1]x:8080:web:80", "brackets must enclose a whole IPv6 address"],
    ["/tmp/l.sock:web", "the target must be host:port or a socket path"],
    ["/tmp/l.sock:web:80:1", "the target must be host:port or a socket path"],
    ["", 'invalid port ""'],
  ])("rejects %s: %s", (text, message) => {
    expect(() => parseForward(option, text)).toThrow(
      expect.objectContaining({
        code: "usage",
        message: expect.stringMatching(new RegExp(`^${option} .*; expected \\[bind:\\]port:host:hostport, `)),
      }),
    );
    expect(() => parseForward(option, text)).toThrow(message);
  });
});

describe("-L", () => {
  test.each([
    ["8080", "missing target"],
    ["localhost:8080", "missing target"],
    ["/tmp/l.sock", "missing target"],
    ["0:web:80", 'invalid port "0" (must be 1 to 65535)'],
  ])("rejects %s: %s", (text, message) => {
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
  ])("accepts %s", (text, expected) => {
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
  ])("accepts %s", (text, listen) => {
    expect(parseForward("-D", text)).toEqual({ option: "-D", listen, target: undefined });
  });

  test.each([
    ["0", 'invalid port "0"'],
    ["1080:web:80", "unexpected target, because each SOCKS connection names its own"],
    ["1080:/run/web.sock", "unexpected target"],
    ["/tmp/l.sock", "a SOCKS proxy listens on a port"],
    ["socks", '-D socks: invalid port "socks" (must be 1 to 65535); expected [bind:]port'],
  ])("rejects %s: %s", (text, message) => {
    expect(() => parseForward("-D", text)).toThrow(message);
  });
});

describe("-W", () => {
  test.each([
    ["web:80", web],
    ["[2001:db8::1]:80", { host: "2001:db8::1", port: 80 }],
    ["/run/web.sock", { path: "/run/web.sock" }],
  ])("accepts %s", (text, expected) => {
    expect(parseStdioTarget(text)).toEqual(expected);
  });

  test.each([
    ["web", "the target must be host:port or a socket path"],
    [":80", "the target host is empty"],
    ["web:80:1", "the target must be host:port or a socket path"],
    ["2001:db8::1", "the target must be host:port or a socket path"],
    ["web:0", '-W web:0: invalid port "0" (must be 1 to 65535); expected host:port or /socket'],
  ])("rejects %s: %s", (text, message) => {
    expect(() => parseStdioTarget(text)).toThrow(message);
  });
});
