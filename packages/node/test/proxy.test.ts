import { connect as connectSocket, type Socket } from "node:net";
import { generateEd25519 } from "@nacre/keys";
import { utf8Encode } from "@nacre/wire";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { readRoute } from "../src/connect/route.ts";
import { type Client, type ConnectOptions, connect, listen, tcpForwarding } from "../src/index.ts";
import { proxyDuplex } from "../src/net/proxy/proxy-duplex.ts";
import { codeOf, counting, serve, watchResources } from "./support.ts";

const key = generateEd25519(counting);
const login = { user: "a", hostKey: () => true, agent: false, identities: [key] };

async function server(): Promise<number> {
  const started = await listen({
    port: 0,
    hostKeys: [key],
    authenticate: () => ({ permissions: { portForwarding: true } }),
    forwarding: tcpForwarding({ permitOpen: ["127.0.0.1:*"] }),
    session: (session) => void session.stdout.write(`ran ${session.command}`),
  });
  onTestFinished(() => started.close());
  return started.address.port;
}

const clients: Client[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

async function connected(options: Omit<ConnectOptions, "host"> & { readonly host?: string }): Promise<Client> {
  const client = await connect({ ...login, host: "127.0.0.1", ...options });
  clients.push(client);
  return client;
}

/** Starts a proxy that answers each chunk with the next of these answers. */
async function scripted(
  ...answers: readonly (string | Uint8Array)[]
): Promise<{ readonly port: number; readonly requests: string[] }> {
  const requests: string[] = [];
  const { port } = await serve((socket) => {
    const left = [...answers];
    socket.on("data", (chunk: Buffer) => {
      requests.push(chunk.toString("latin1"));
      const answer = left.shift();
      if (answer !== undefined) socket.write(answer);
    });
  });
  return { port, requests };
}

/** Connects a socket to a port on this machine, in both directions. */
function joined(socket: Socket, port: number): void {
  const behind = connectSocket(port, "127.0.0.1");
  socket.pipe(behind).pipe(socket);
  behind.on("error", () => {});
  socket.on("close", () => behind.destroy());
}

describe.each(["socks5", "http"])("%s", (protocol) => {
  test("`connect` runs through the proxy of `forwardDynamic`", async () => {
    const bastion = await connected({ port: await server() });
    const { port } = await bastion.forwardDynamic({ host: "127.0.0.1", port: 0 });
    const client = await connected({ port: await server(), proxy: `${protocol}://127.0.0.1:${port}` });
    expect((await client.exec("x")).stdout).toBe("ran x");
    const refused = connect({ ...login, host: "127.0.0.1", port: 1, proxy: `${protocol}://127.0.0.1:${port}` });
    await expect(refused).rejects.toMatchObject({
      code: "connection-failed",
      culprit: "peer",
      message: expect.stringMatching(
        new RegExp(
          `^cannot connect to 127.0.0.1 port 1 through the proxy 127.0.0.1 port ${port}: (connection refused \\(SOCKS reply 5\\)|502 Bad Gateway)$`,
        ),
      ),
    });
  });

  test("the first jump host is connected to through the proxy, and the destination through the jump host", async () => {
    const asked: string[] = [];
    const hop = await server();
    const proxy = await serve((socket) => {
      socket.once("data", (request: Buffer) => {
        asked.push(request.toString("latin1"));
        if (protocol === "http") return joinedAfter(socket, "HTTP/1.1 200 OK\r\n\r\n");
        socket.write(Uint8Array.of(5, 0));
        socket.once("data", () => joinedAfter(socket, Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0)));
      });
    });
    const joinedAfter = (socket: Socket, answer: string | Uint8Array): void => {
      socket.write(answer);
      joined(socket, hop);
    };
    const client = await connected({
      port: await server(),
      proxy: `${protocol}://127.0.0.1:${proxy.port}`,
      via: { ...login, host: "bastion.invalid" },
    });
    expect((await client.exec("x")).stdout).toBe("ran x");
    expect(asked).toEqual([
      protocol === "http" ? expect.stringContaining("CONNECT bastion.invalid:22 ") : "\x05\x01\0",
    ]);
  });

  test("a proxy that cannot be reached is named", async () => {
    const closed = await serve(() => {});
    await closed.close();
    const { port } = closed;
    await expect(connect({ ...login, host: "db", proxy: `${protocol}://127.0.0.1:${port}` })).rejects.toMatchObject({
      code: "connection-failed",
      message: `the proxy: cannot connect to 127.0.0.1 port ${port}: connection refused; check that a server listens on this port`,
    });
  });

  test("proxies that are silent, close or break the connection are errors, and leave nothing", async () => {
    const leftOpen = await watchResources();
    const outcomes: [(socket: Socket) => void, string, RegExp][] = [
      [() => {}, "connect-timeout", /through the proxy 127\.0\.0\.1 port \d+: no answer within 50 ms$/],
      [(socket) => socket.resume().end(), "connection-failed", /: the proxy closed the connection without an answer$/],
      [
        (socket) => socket.once("data", () => socket.resetAndDestroy()),
        "connection-failed",
        /: the connection to the proxy broke: .*ECONNRESET/,
      ],
      [
        (socket) => socket.resume().write("SSH-2.0-x\r\n"),
        "connection-failed",
        /: the answer is not (HTTP|SOCKS 5; it starts with 0x53)$/,
      ],
    ];
    for (const [behave, code, message] of outcomes) {
      const proxy = await serve(behave);
      const dialled = proxyDuplex(`${protocol}://alice:s3cret@127.0.0.1:${proxy.port}`, {
        host: "db",
        port: 22,
        connectTimeout: code === "connect-timeout" ? 50 : 10_000,
      });
      await expect(dialled).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
      await expect(dialled).rejects.not.toThrow("s3cret");
      await proxy.close();
    }
    expect(await leftOpen()).toEqual([]);
  });

  test("can be aborted, before and while the proxy is asked", async () => {
    const leftOpen = await watchResources();
    const abort = new AbortController();
    const proxy = await serve(() => abort.abort());
    const dialled = proxyDuplex(`${protocol}://127.0.0.1:${proxy.port}`, {
      host: "db",
      port: 22,
      signal: abort.signal,
    });
    expect(await codeOf(dialled)).toBe("aborted");
    expect(await codeOf(proxyDuplex(`${protocol}://127.0.0.1:1`, { host: "db", port: 22, signal: abort.signal }))).toBe(
      "aborted",
    );
    await proxy.close();
    expect(await leftOpen()).toEqual([]);
  });
});

test("proxy answers: silent · client", async () => {
  for (const protocol of ["socks5", "http"]) {
    const { port, sockets } = await serve((socket) => socket.resume());
    const dialled = proxyDuplex(`${protocol}://127.0.0.1:${port}`, { host: "db", port: 22, connectTimeout: 100 });
    const late = new Promise((resolve) => setTimeout(resolve, 20_000, "still waiting"));
    expect(await Promise.race([codeOf(dialled), late])).toBe("connect-timeout");
    await vi.waitFor(() => expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true]), 10_000);
  }
});

test("bytes that follow the answer in the same chunk are the server's", async () => {
  const port = await server();
  const proxy = await serve((socket) => {
    socket.once("data", () => {
      const behind = connectSocket(port, "127.0.0.1");
      behind.once("data", (banner: Buffer) => {
        socket.write(Buffer.concat([utf8Encode("HTTP/1.1 200 OK\r\n\r\n"), banner]));
        socket.pipe(behind).pipe(socket);
      });
      behind.on("error", () => {});
    });
  });
  const client = await connected({ proxy: `http://127.0.0.1:${proxy.port}` });
  expect((await client.exec("x")).stdout).toBe("ran x");
});

test("a refused login names the proxy and not the password", async () => {
  const { port, requests } = await scripted(Uint8Array.of(5, 2), Uint8Array.of(1, 1));
  const error = await connect({ ...login, host: "db", proxy: `socks5://alice:s3cret@127.0.0.1:${port}` }).catch(
    (cause: unknown) => cause,
  );
  expect(error).toMatchObject({
    code: "connection-failed",
    message: `cannot connect to db port 22 through the proxy 127.0.0.1 port ${port}: the proxy refused user name and password`,
  });
  expect(requests).toEqual(["\x05\x02\0\x02", "\x01\x05alice\x06s3cret"]);
});

test("a name that cannot be sent to a proxy is `usage`", async () => {
  const { port, requests } = await scripted();
  const proxy = `http://127.0.0.1:${port}`;
  await expect(connect({ ...login, host: "a\r\nX y", proxy })).rejects.toMatchObject({ code: "usage" });
  expect(requests).toEqual([]);
});

describe("ways to a host", () => {
  test.each<[Partial<ConnectOptions>, string]>([
    [{ proxy: "socks4://proxy" }, '`proxy` must be "socks5://host:port" or "http://host:port"'],
    [{ proxy: 7 as never }, '`proxy` must be "socks5://host:port" or "http://host:port"'],
    [{ proxyCommand: "" }, "`proxyCommand` must be a command for the shell"],
    [{ proxyCommand: "a\0b" }, "`proxyCommand` must be a command for the shell"],
    [{ addressFamily: "ipv4" as never }, "`addressFamily` of `connect` must be"],
    [{ connectionAttempts: 0 }, "`connectionAttempts` must be an integer from 1"],
    [{ proxy: "http://p", proxyCommand: "nc" }, "`proxy` and `proxyCommand` exclude each other"],
    [
      { via: { host: "b", proxy: "http://p", proxyCommand: "nc" } },
      "jump host b port 22: `proxy` and `proxyCommand` exclude each other",
    ],
    [{ proxyCommand: "nc", via: "b" }, "`proxyCommand` cannot follow a jump host; set it for the first jump host"],
    [{ via: ["a", { host: "b", proxyCommand: "nc" }] }, "`proxyCommand` cannot follow a jump host"],
    [{ via: ["a", { host: "b", proxy: "http://p" }] }, "`proxy` cannot follow a jump host"],
    [
      { proxy: "http://p", via: { dialChannel: () => {} } as never },
      "`proxy` cannot lead to a connected client in `via`",
    ],
  ])("%j is `usage`", (options, message) => {
    const refused = expect.objectContaining({ code: "usage", message: expect.stringContaining(message) });
    expect(() => readRoute({ host: "db", user: "a", ...options })).toThrow(refused as Error);
  });

  test("a jump host inherits `proxy`, `addressFamily` and `connectionAttempts`, not `proxyCommand`", () => {
    const machine = { proxy: "http://p", addressFamily: "inet", connectionAttempts: 2 } as const;
    expect(readRoute({ host: "db", user: "a", ...machine, via: "bastion" }).hops).toMatchObject([machine]);
    const own = { host: "bastion", proxyCommand: "nc" };
    expect(readRoute({ host: "db", user: "a", ...machine, via: own }).hops).toMatchObject([own]);
  });
});
