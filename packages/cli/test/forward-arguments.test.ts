import { describe, expect, test } from "vitest";
import { type ForwardArgument, forwardsOf, parseStdioTarget } from "../src/ssh/forward-arguments.ts";
import { read, refusal } from "./reading.ts";

type Expected = Pick<ForwardArgument, "listen" | "target">;
const web = { host: "web", port: 80 };

const parseForward = async (option: string, text: string): Promise<unknown> => {
  const [forward] = forwardsOf((await read([option, text, "host"])).config.values);
  return forward;
};

const refused = (option: string, text: string): Promise<unknown> => refusal([option, text, "host"]);
const BAD = { "-L": "local", "-R": "remote", "-D": "dynamic" } as const;
const bad = (option: keyof typeof BAD, text: string) => ({
  code: "usage",
  lines: [`Bad ${BAD[option]} forwarding specification '${text}'`],
});

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
  ])("accepts %s", async (text, expected) => {
    expect(await parseForward(option, text)).toEqual({ option, ...expected });
  });

  test.each([
    "8080:web:0",
    "8080:web:nosuch",
    "8080:web:",
    "65536:web:80",
    "-1:web:80",
    "a:b:8080:web:80",
    "a:8080:web:80:/socket",
    "2001:db8::1:8080:web:80",
    "[::1:8080:web:80",
    "[::1]x:8080:web:80",
    "/tmp/l.sock:web",
    "/tmp/l.sock:web:80:1",
    "",
  ])("rejects %s", async (text) => {
    expect(await refused(option, text)).toMatchObject(bad(option, text));
  });
});

describe("-L", () => {
  test.each(["8080", "localhost:8080", "/tmp/l.sock", "0:web:80"])("rejects %s", async (text) => {
    expect(await refused("-L", text)).toMatchObject(bad("-L", text));
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
  ])("accepts %s", async (text, expected) => {
    expect(await parseForward("-R", text)).toEqual({ option: "-R", ...expected });
  });
});

describe("-D", () => {
  test.each<[string, Expected["listen"]]>([
    ["1080", { port: 1080 }],
    ["localhost:1080", { host: "localhost", port: 1080 }],
    ["*:1080", { host: "*", port: 1080 }],
    [":1080", { host: "*", port: 1080 }],
    ["[::1]:1080", { host: "::1", port: 1080 }],
    ["/tmp/l.sock", { path: "/tmp/l.sock" }],
  ])("accepts %s", async (text, listen) => {
    expect(await parseForward("-D", text)).toEqual({ option: "-D", listen, target: undefined });
  });

  test.each(["0", "1080:web:80", "1080:/run/web.sock", "nosuch"])("rejects %s", async (text) => {
    expect(await refused("-D", text)).toMatchObject(bad("-D", text));
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

  test.each(["web", ":80", "web:80:1", "2001:db8::1", "web:0", "web:65536", ""])("rejects %s", (text) => {
    expect(() => parseStdioTarget(text)).toThrow(
      expect.objectContaining({ code: "usage", sshLine: `Bad stdio forwarding specification '${text}'` }),
    );
  });
});

test("GatewayPorts listens on every address, unless a forward names one", async () => {
  const { config } = await read("-g -L 1:web:80 -L localhost:2:web:80 -R 3:web:80 -D 4 host");
  expect(forwardsOf(config.values).map(({ listen }) => listen)).toEqual([
    { host: "*", port: 1 },
    { host: "localhost", port: 2 },
    { host: "*", port: 4 },
    { port: 3 },
  ]);
});
