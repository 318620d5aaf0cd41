import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { contentSecurityPolicy } from "../../shared/content-security-policy.ts";
import type { TerminalOptions } from "../src/terminal.ts";
import { makeFolder, openTestTerminal, type TestTerminal } from "./support.ts";

const folder = makeFolder();
let terminal: TestTerminal;
beforeAll(async () => {
  terminal = await openTestTerminal(folder.path, {
    destinations: [{ host: "ssh.example.org", port: 22, user: "alice", allow: "ssh.example.org:22" }],
  });
});
afterAll(async () => {
  await terminal.close();
  folder.remove();
});

const get = (path: string): Promise<Response> => fetch(new URL(path, terminal.url));

describe("the page", () => {
  test.each([
    ["/", "text/html; charset=utf-8"],
    ["/terminal.js", "text/javascript; charset=utf-8"],
    ["/terminal.css", "text/css; charset=utf-8"],
    ["/config.json", "application/json"],
  ])("serves %s under a strict policy", async (path, type) => {
    const response = await get(path);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe(type);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    const policy = response.headers.get("content-security-policy")!;
    for (const directive of [
      "default-src 'none'",
      "script-src 'self' 'wasm-unsafe-eval'",
      "connect-src 'self'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ])
      expect(policy.split("; ")).toContain(directive);
    expect(policy).not.toMatch(/unsafe-inline|unsafe-eval'(?<!wasm-unsafe-eval')|\*|https?:/);
    await response.text();
  });

  test("carries the nonce of its own response, which is never repeated", async () => {
    const nonces = await Promise.all(
      [get("/"), get("/")].map(async (one) => {
        const response = await one;
        const [, inPolicy] = /style-src 'self' 'nonce-([\w+/=]{24})'/.exec(
          response.headers.get("content-security-policy")!,
        )!;
        const html = await response.text();
        expect(html).toContain(`nonce="${inPolicy}"`);
        expect(html).not.toMatch(/\son\w+=|style=|javascript:|<style|NONCE/);
        return inPolicy;
      }),
    );
    expect(nonces[0]).not.toBe(nonces[1]);
  });

  test("lists the destinations, and neither the password nor the entries of the allowlist", async () => {
    const text = await (await get("/config.json")).text();
    expect(JSON.parse(text)).toEqual({
      destinations: [
        { host: "ssh.example.org", port: 22, user: "alice", verifiesPasskeys: true },
        { host: "127.0.0.1", port: terminal.ssh.port, user: "demo", verifiesPasskeys: false },
      ],
      wasm: true,
    });
  });

  test.each(["/../package.json", "/terminal.js/", "/src/main.ts", "/?x", "//", "/%2e%2e/package.json", "/ssh/x"])(
    "serves nothing at %s",
    async (path) => expect(await statusOf("GET", path)).toBe(404),
  );

  test("serves nothing to another host, such as a name that resolves to 127.0.0.1", async () => {
    for (const path of ["/", "/config.json"]) expect(await statusOf("GET", path, { host: "evil.example" })).toBe(421);
  });

  test("refuses other methods", async () => expect(await statusOf("POST", "/")).toBe(405));
});

test("the gateway is on the same server, and issues tickets only to pages of its origin", async () => {
  expect(await statusOf("GET", "/ssh")).toBe(426);
  expect(await statusOf("GET", "/ssh/ticket")).toBe(200);
  expect(await statusOf("POST", "/ssh/ticket", { origin: "http://example.org" })).toBe(403);
});

test("a policy without WebAssembly names no kind of evaluation", () => {
  expect(contentSecurityPolicy({ styleNonce: "x", wasm: false })).toContain("script-src 'self'; ");
  expect(contentSecurityPolicy({ styleNonce: "x", wasm: false })).not.toContain("unsafe");
});

describe("a start that fails leaves no server behind", () => {
  test.each<[string, () => Partial<TerminalOptions>, string]>([
    ["the port is in use", () => ({ webPort: Number(new URL(terminal.url).port) }), "choose another with --web-port"],
    [
      "a destination is invalid",
      () => ({ destinations: [{ host: "h", port: 22, user: undefined, allow: "h:22=nonsense" }] }),
      "nonsense",
    ],
  ])("if %s", async (_, options, message) => {
    const before = listeners();
    await expect(openTestTerminal(folder.path, options())).rejects.toThrow(message);
    await vi.waitFor(() => expect(listeners()).toBe(before), 10_000);
  });
});

function listeners(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPServerWrap").length;
}

function statusOf(method: string, path: string, headers: Record<string, string> = {}): Promise<number | undefined> {
  const { port } = new URL(terminal.url);
  return new Promise((resolve, reject) => {
    const options = {
      host: "127.0.0.1",
      port,
      method,
      path,
      agent: false,
      headers: { host: `localhost:${port}`, ...headers },
    };
    request(options, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", reject)
      .end();
  });
}
