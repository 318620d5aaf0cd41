import { execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@nacre/testing/free-port";
import { fingerprintsOf, useServer } from "@nacre/testing/interop/server";
import { connect } from "@nacre/web";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import WebSocket from "ws";
import { pageSocket, refusedWith, startGateway } from "../support.ts";

// The configurations of README, with Debian's nginx and Caddy. The tests change only addresses, ports and certificates.

const README = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

/** Returns the configuration in README for a proxy, which connects to this port instead of 8022. */
function configuration(language: string, port: number): string {
  const [, text] = new RegExp(`\`\`\`${language}\n([^\`]+)\`\`\``).exec(README)!;
  expect(text).toContain("127.0.0.1:8022");
  return text!.replaceAll("127.0.0.1:8022", `127.0.0.1:${port}`);
}

interface Ports {
  readonly gateway: number;
  readonly https: number;
  readonly http: number;
}

interface Proxy {
  readonly name: string;
  /** Returns the text of the configuration file. The folder contains the certificate `cert` and the key `key`. */
  readonly configure: (folder: string, ports: Ports) => string;
  readonly command: (folder: string) => readonly string[];
}

const PROXIES: readonly Proxy[] = [
  {
    name: "nginx",
    configure: (folder, { gateway, https, http }) => `
      daemon off;
      pid pid;
      events {}
      http {
        access_log off;
        ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`).join("\n")}
        server {
          listen 127.0.0.1:${https} ssl;
          ssl_certificate cert;
          ssl_certificate_key key;
          ${configuration("nginx", gateway)}
        }
        server {
          listen 127.0.0.1:${http};
          ${configuration("nginx", gateway)}
        }
      }`,
    command: (folder) => ["nginx", "-e", "stderr", "-p", folder, "-c", join(folder, "config")],
  },
  {
    name: "Caddy",
    configure: (folder, { gateway, https, http }) => {
      const site = configuration("caddy", gateway);
      const [encrypted, plain] = [
        site.replace(/^\S+ \{/, `https://localhost:${https} {\nbind 127.0.0.1\ntls ${folder}/cert ${folder}/key`),
        site.replace(/^\S+ \{/, `http://localhost:${http} {\nbind 127.0.0.1`),
      ];
      return `{\nadmin off\nauto_https off\nlog {\nlevel ERROR\n}\n}\n${encrypted}\n${plain}`;
    },
    command: (folder) => ["caddy", "run", "--adapter", "caddyfile", "--config", join(folder, "config")],
  },
];

/** Address of the page's machine, which is not the proxy's. */
const CLIENT = "127.0.0.9";

describe.each(PROXIES)("behind $name with README's configuration", ({ configure, command }) => {
  const sshd = useServer();
  let folder: string;
  let certificate: Buffer;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "nacre-proxy-"));
    const words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -days 1".split(" ");
    const files = [
      "-addext",
      "subjectAltName=DNS:localhost",
      "-keyout",
      join(folder, "key"),
      "-out",
      join(folder, "cert"),
    ];
    execFileSync("openssl", [...words, ...files], { stdio: "ignore" });
    certificate = readFileSync(join(folder, "cert"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Starts the proxy and a gateway behind it, both ended after the test. */
  async function start(allow: string[] = []) {
    const [https, http] = [await freePort(), await freePort()];
    const origin = `https://localhost:${https}`;
    const started = await startGateway({
      origins: [origin],
      hosts: [`localhost:${https}`, `localhost:${http}`],
      allow,
      authorize: () => true,
      trustedProxies: ["127.0.0.1"],
    });
    await writeFile(join(folder, "config"), configure(folder, { gateway: started.port, https, http }));
    const [program, ...args] = command(folder) as [string, ...string[]];
    const home = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
    // Debian's nginx is in /usr/sbin.
    const env = { ...process.env, ...home, PATH: `${process.env["PATH"]}:/usr/sbin` };
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], env });
    let output = "";
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const exited = once(child, "exit");
    onTestFinished(async () => {
      child.kill("SIGTERM");
      await exited;
    });
    await Promise.race([
      exited.then(() => Promise.reject(new Error(`${program} exited: ${output}`))),
      Promise.all([https, http].map((port) => listening(port))),
    ]);
    return { ...started, origin, https, http, url: `wss://localhost:${https}/ssh` };
  }

  /** Sends a request to the ticket route, over TLS. */
  async function ask(port: number, method: string, headers: Record<string, string>, body?: string) {
    const options = { host: "127.0.0.1", port, path: "/ssh/ticket", method, localAddress: CLIENT, agent: false };
    const tls = { ca: certificate, servername: "localhost" };
    const one = httpsRequest({ ...options, ...tls, headers: { host: `localhost:${port}`, ...headers } });
    one.end(body);
    const [response] = await once(one, "response");
    let text = "";
    for await (const chunk of response) text += String(chunk);
    return { body: JSON.parse(text) as Record<string, string>, cookie: response.headers["set-cookie"]?.[0] as string };
  }

  test("a page gets a ticket, logs in to sshd, and moves 4 MiB each way", async () => {
    const { port } = sshd.sshd;
    const { url, origin, https, event } = await start([`127.0.0.1:${port}`]);
    const { body: page, cookie } = await ask(https, "GET", {});
    const headers = { origin, cookie: cookie.split(";")[0]! };
    const place = JSON.stringify({ host: "127.0.0.1", port });
    const { body } = await ask(
      https,
      "POST",
      { ...headers, "x-csrf-token": page["csrfToken"]!, "content-type": "application/json" },
      place,
    );
    class Page extends WebSocket {
      constructor(url: string, protocols: string[]) {
        // A client cannot choose the address under which it is counted.
        const forged = { "x-forwarded-for": "192.0.2.1", "x-forwarded-proto": "http" };
        const tls = { ca: certificate, localAddress: CLIENT, family: 4 };
        super(url, protocols, { headers: { cookie: headers.cookie, ...forged }, origin, ...tls });
      }
    }
    const client = await connect({
      url,
      host: "127.0.0.1",
      port,
      ticket: body["ticket"]!,
      user: "alice",
      identities: [sshd.key],
      hostKey: fingerprintsOf(sshd.sshd),
      WebSocket: Page,
    });
    const data = randomBytes(4 * 1024 * 1024);
    const { stdout } = await client.exec("cat", { input: data, encoding: "bytes", maxOutput: 2 * data.length });
    expect(createHash("sha256").update(stdout).digest("hex")).toBe(createHash("sha256").update(data).digest("hex"));
    await client.close();
    expect(await event("opened")).toMatchObject({ remoteAddress: CLIENT, origin, plain: false });
    expect(await event("closed")).toMatchObject({ reason: expect.stringMatching(/^(?:finished|client-closed)$/) });
  });

  test("the gateway sees the page's origin, and the address and scheme that the proxy saw", async () => {
    const { url, http, origin, event, server } = await start();
    const tls = { ca: certificate, localAddress: CLIENT, family: 4 } as const;
    expect(await refusedWith(pageSocket(url, { origin: "https://evil.example", ...tls }))).toBe(403);
    expect(await event("refused")).toMatchObject({ reason: "origin", remoteAddress: CLIENT });
    // Loopback needs no TLS, so the gateway accepts this one. It must not see the headers that the page forged.
    const seen = once(server, "upgrade") as Promise<[IncomingMessage]>;
    const forged = { "x-forwarded-for": "192.0.2.1", "x-forwarded-proto": "https" };
    const options = { origin, localAddress: CLIENT, family: 4, headers: forged } as const;
    expect(await refusedWith(pageSocket(`ws://localhost:${http}/ssh`, options))).toBe(101);
    const [{ headers }] = await seen;
    expect(headers).toMatchObject({
      "x-forwarded-for": CLIENT,
      "x-forwarded-proto": "http",
      host: `localhost:${http}`,
    });
  });

  test("the proxy does not pass on paths that are for the application's server only", async () => {
    const { http, server } = await start();
    const paths: unknown[] = [];
    server.on("request", ({ url }) => paths.push(url));
    for (const path of ["/ssh/issue", "/metrics", "/sshx", "/"]) {
      const one = httpRequest({ host: "127.0.0.1", port: http, path, headers: { host: `localhost:${http}` } });
      one.end();
      const [response] = await once(one, "response");
      response.resume();
    }
    expect(paths).toEqual([]);
  });
});

/** Resolves when a server listens on this port of loopback. */
async function listening(port: number): Promise<void> {
  await expect
    .poll(
      async () => {
        const socket = connectTcp(port, "127.0.0.1");
        try {
          await once(socket, "connect");
          return true;
        } catch {
          return false;
        } finally {
          socket.destroy();
        }
      },
      { timeout: 20_000 },
    )
    .toBe(true);
}
