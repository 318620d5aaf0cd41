import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { generateEd25519 } from "@nacre/keys";
import { describe, expect, onTestFinished, test } from "vitest";
import type { ConnectOptions } from "../src/connect/options.ts";
import {
  agentIdentities,
  connect,
  hostKeyFile,
  listen,
  type PresentedHostKey,
  privateKey,
  tcpDuplex,
} from "../src/index.ts";
import { codeOf, serve, socketPath, temporaryFolder, watchResources } from "./support.ts";

const key = generateEd25519((length) => Uint8Array.from({ length }, (_, i) => i));

/** Options for connecting to a test server, independent of the files of the user who runs the test. */
function options(port: number, changes: Partial<ConnectOptions> = {}): ConnectOptions {
  return {
    host: "127.0.0.1",
    port,
    user: "alice",
    identities: [key],
    agent: false,
    hostKey: () => true,
    ...changes,
  };
}

/** Sends `bytes` repeatedly while the other side accepts them. */
function flood(socket: Socket, bytes: string): void {
  const more = (): void => {
    while (socket.writable && socket.write(bytes));
  };
  socket.on("drain", more);
  more();
}

function drip(socket: Socket, text: string): void {
  let at = 0;
  const timer = setInterval(() => socket.write(text[at++ % text.length]!), 5);
  socket.on("close", () => clearInterval(timer));
}

const failing = (): Promise<never>[] => [Promise.reject(new Error("the agent is gone"))];

test("a rejected promise in `identities` is handled, also if another error comes first", async () => {
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  expect(await codeOf(connect({ host: "a:22", identities: failing() }))).toBe("usage");
  expect(await codeOf(connect({ host: "a", via: { host: "b:22", identities: failing() } }))).toBe("usage");
  await new Promise((resolve) => setTimeout(resolve));
  process.off("unhandledRejection", onUnhandled);
  expect(unhandled).toEqual([]);
});

describe("connecting to a faulty server fails with a specific code in bounded time and leaves nothing open", () => {
  test.each<[string, string, (socket: Socket) => void]>([
    ["sends nothing", "kex-timeout", () => {}],
    ["speaks HTTP", "not-ssh", (socket) => socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")],
    ["floods lines", "banner-limit", (socket) => flood(socket, "hello\r\n".repeat(1000))],
    ["floods one line", "banner-limit", (socket) => flood(socket, "x".repeat(65_536))],
    ["floods zeros", "not-ssh", (socket) => flood(socket, "\0".repeat(65_536))],
    ["closes immediately", "connection-lost", (socket) => socket.end()],
    ["resets", "connection-lost", (socket) => socket.on("data", () => socket.resetAndDestroy())],
    [
      "sends an error line and resets",
      "not-ssh",
      // A reset may discard unsent data.
      (socket) => socket.write("go away\r\n", () => socket.once("data", () => socket.resetAndDestroy())),
    ],
    ["drips lines", "kex-timeout", (socket) => drip(socket, "hello\r\n")],
    ["drips its version", "kex-timeout", (socket) => drip(socket, `SSH-2.0-${"x".repeat(200)}`)],
    ["speaks SSH 1", "protocol-version", (socket) => socket.end("SSH-1.5-old\r\n")],
    ["stops after its version", "kex-timeout", (socket) => socket.write("SSH-2.0-quiet\r\n")],
    ["closes after its version", "connection-lost", (socket) => socket.end("SSH-2.0-curt\r\n")],
    [
      "announces a huge packet",
      "packet-length",
      (socket) => socket.write("SSH-2.0-huge\r\n\xff\xff\xff\xff".repeat(9), "latin1"),
    ],
  ])("if it %s: %s", async (_, code, behave) => {
    const leftOpen = await watchResources();
    const server = await serve(behave);
    // Every other fault must be found without waiting, however slow this machine is.
    const limits = code === "kex-timeout" ? { kexTimeout: 100 } : {};
    expect(await codeOf(connect(options(server.port, { limits })))).toBe(code);
    await server.close();
    expect(await leftOpen()).toEqual([]);
  });

  test("if it does not listen", async () => {
    const leftOpen = await watchResources();
    const server = await serve(() => {});
    await server.close();
    await expect(connect(options(server.port))).rejects.toMatchObject({
      code: "connection-failed",
      message: expect.stringContaining(`127.0.0.1 port ${server.port}: connection refused`),
    });
    expect(await leftOpen()).toEqual([]);
  });
});

describe("connecting", () => {
  test("can be aborted while the server sends nothing", async () => {
    const leftOpen = await watchResources();
    const abort = new AbortController();
    const server = await serve((socket) => socket.on("data", () => abort.abort()));
    expect(await codeOf(connect(options(server.port, { signal: abort.signal })))).toBe("aborted");
    await server.close();
    expect(await leftOpen()).toEqual([]);
  });

  test("can be aborted while the agent sends nothing", async () => {
    const leftOpen = await watchResources();
    const abort = new AbortController();
    const path = socketPath(await temporaryFolder(), "agent");
    const agent = await serve((socket) => socket.on("data", () => abort.abort()), path);
    const server = await listen({ port: 0, hostKeys: [key], authenticate: () => false });
    expect(await codeOf(connect(options(server.address.port, { agent: path, signal: abort.signal })))).toBe("aborted");
    expect(await codeOf(connect(options(server.address.port, { agent: path, signal: abort.signal })))).toBe("aborted");
    expect(agent.sockets).toHaveLength(1);
    await agent.close();
    await server.close();
    expect(await leftOpen()).toEqual([]);
  });

  test("ends the connection to the agent when a key of a jump host is lost", async () => {
    const leftOpen = await watchResources();
    const path = socketPath(await temporaryFolder(), "agent");
    let lose!: (error: Error) => void;
    const lost = new Promise<never>((_, reject) => {
      lose = reject;
    });
    const agent = await serve(() => lose(new Error("the key is gone")), path);
    const via = { host: "jump.example", agent: false, identities: [lost] };
    expect(await codeOf(connect(options(22, { agent: path, via })))).toBe("internal");
    await Promise.all(agent.sockets.map(async (socket) => socket.closed || once(socket, "close")));
    expect(agent.sockets).toHaveLength(1);
    await agent.close();
    expect(await leftOpen()).toEqual([]);
  });

  test.each<[string, Partial<ConnectOptions>]>([
    ["a window of 0", { limits: { initialWindow: 0 } }],
    ["a size with a unit", { limits: { rekeyBytes: "1G" as never } }],
    ["a timeout of NaN", { limits: { kexTimeout: Number.NaN } }],
    ["a connect timeout of NaN", { connectTimeout: Number.NaN }],
  ])("with %s is rejected before connecting", async (_, impossible) => {
    const leftOpen = await watchResources();
    const server = await serve(() => {});
    expect(await codeOf(connect(options(server.port, impossible)))).toBe("usage");
    expect(server.sockets).toHaveLength(0);
    await server.close();
    expect(await leftOpen()).toEqual([]);
  });

  test("offers the algorithms of known host keys first", async () => {
    const knownHosts = join(await temporaryFolder(), "known_hosts");
    let received = "";
    const server = await serve((socket) => {
      socket.write("SSH-2.0-server\r\n");
      socket.on("data", (chunk) => {
        received += chunk.toString("latin1");
        if (received.includes(",ssh-ed25519,")) socket.end();
      });
    });
    await writeFile(knownHosts, `[127.0.0.1]:${server.port} ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQM=\n`);
    const { hostKey: _, ...rest } = options(server.port);
    await codeOf(connect({ ...rest, knownHosts }));
    expect(received).toContain("rsa-sha2-512,rsa-sha2-256,ssh-ed25519-cert-v01@openssh.com,");
  });

  test.each<[string, Partial<ConnectOptions>, string]>([
    ["an invalid port", { port: 65_536 }, "usage"],
    ["a port of NaN", { port: Number.NaN }, "usage"],
    ["an empty host", { host: "" }, "usage"],
    ["a jump host with its port in `host`", { via: { host: "127.0.0.1:22" } }, "usage"],
    ["an invalid fingerprint", { hostKey: "SHA256:short" }, "usage"],
    ["a port given as text", { port: "22" as never }, "usage"],
    ["an AbortController instead of its signal", { signal: new AbortController() as never }, "usage"],
    ["a missing host", { host: undefined as never, hostname: "localhost" } as object, "usage"],
    ["ssh2's option for the user", { user: undefined as never, username: "alice" } as object, "usage"],
    ["ssh2's option for the key", { identities: undefined as never, privateKey: "-----BEGIN" } as object, "usage"],
    ["an empty user", { user: "" }, "usage"],
    ["`hostKey: true`", { hostKey: true as never }, "usage"],
    ["an empty list of fingerprints", { hostKey: [] }, "usage"],
    ["fingerprints that are not strings", { hostKey: [1] as never }, "usage"],
    ["a path instead of an array of identities", { identities: "/nowhere" as never }, "usage"],
    ["an identity that is an empty object", { identities: [{}] as never }, "usage"],
    ["a promise of something that is no identity", { identities: [Promise.resolve({})] as never }, "usage"],
    ["the content of known_hosts instead of its path", { hostKey: undefined, knownHosts: "host ssh-rsa A\n" }, "usage"],
    ["a missing key file", { identities: ["/nowhere/at/all"] }, "file-unreadable"],
    ["a missing agent", { agent: "/nowhere/at/all" }, "agent-failed"],
  ])("with %s fails before anything is sent", async (_, changes, code) => {
    const server = await serve(() => {});
    expect(await codeOf(connect(options(server.port, changes)))).toBe(code);
    expect(server.sockets).toHaveLength(0);
  });

  test("passes the host and port to `hostKey` and `unknownHost`", async () => {
    const server = await listen({ port: 0, hostKeys: [key], authenticate: () => true });
    onTestFinished(() => server.close());
    const { port } = server.address;
    const asked: object[] = [];
    const decide = ({ host, port, fingerprint }: PresentedHostKey): boolean => {
      asked.push({ host, port, fingerprint: fingerprint.slice(0, 7) });
      return true;
    };
    await (await connect(options(port, { hostKey: decide }))).close();
    const knownHosts = join(await temporaryFolder(), "known_hosts");
    await (await connect(options(port, { hostKey: undefined, knownHosts, unknownHost: decide }))).close();
    const presented = { host: "127.0.0.1", port, fingerprint: "SHA256:" };
    expect(asked).toEqual([presented, presented]);
  });

  test.each(["host", "via"] as const)("never repeats a `%s` with a password in its message", async (option) => {
    const host = "alice:secret@example.org";
    const error: unknown = await connect(options(22, option === "host" ? { host } : { via: { host } })).catch(
      (cause: unknown) => cause,
    );
    expect(error).toMatchObject({ code: "usage", message: expect.stringContaining("`host` must be") });
    expect(String(error)).not.toContain("secret");
  });

  test.each([
    ["passwd", "`passwd` is not an option of `connect`; did you mean `password`?"],
    ["privateKey", "did you mean `identities`?"],
    ["hostname", "did you mean `host`?"],
    ["readyTimeout", "did you mean `connectTimeout`?"],
    ["acceptEnv", "is not an option of `connect`; its options are user, hostKey"],
  ])("with the unknown option %s suggests a similar one", async (name, words) => {
    await expect(connect({ ...options(1), [name]: "x" })).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining(words),
    });
  });

  test.each(["example.org:22", "[2001:db8::1]:22", "[2001:db8::1]", "alice@example.org", "ssh://example.org:22"])(
    "with the host %s names the options for its parts",
    async (host) => {
      await expect(connect({ host, hostKey: () => true, identities: [] })).rejects.toMatchObject({
        code: "usage",
        message: expect.stringMatching(/`port`.*`user`/),
      });
    },
  );

  test.each(["::1", "2001:db8::1", "fe80::1%eth0"])("takes the IPv6 address %s", async (host) => {
    const signal = AbortSignal.abort();
    expect(await codeOf(connect({ host, hostKey: () => true, identities: [], signal }))).toBe("aborted");
  });

  test("rejects with `usage` if called without arguments", async () => {
    for (const untyped of [connect, listen, tcpDuplex, privateKey, hostKeyFile, agentIdentities])
      expect(await codeOf((untyped as () => Promise<unknown>)())).toBe("usage");
  });

  test("rejects an invalid host name before reading known_hosts", async () => {
    expect(await codeOf(connect({ host: "a b", identities: [] }))).toBe("usage");
  });
});
