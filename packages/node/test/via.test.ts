import { writeFile } from "node:fs/promises";
import { connect as connectSocket, type Socket } from "node:net";
import { join } from "node:path";
import { fingerprint, generateEd25519 } from "@nacre/keys";
import { tcpipChannel } from "@nacre/wire";
import type { PeerOpen, TracePort } from "nacre/extend";
import { bridge } from "nacre/internal-on-demand";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  type Client,
  type ConnectOptions,
  connect,
  type Hop,
  listen,
  type SshServer,
  socketDuplex,
} from "../src/index.ts";
import type { ListenEvent, ListenOptions } from "../src/listen/listen-options.ts";
import { codeOf, serve, type TestServer, temporaryFolder, watchResources } from "./support.ts";

const keyOf = (first: number) => generateEd25519((length) => Uint8Array.from({ length }, (_, i) => i + first));
const userKey = keyOf(1);
const hopKey = keyOf(2);
const targetKey = keyOf(3);
const fingerprintOf = ({ publicKey }: typeof userKey): string => fingerprint(publicKey.blob, "sha256");

const servers: SshServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function started(options: Partial<ListenOptions>): Promise<SshServer> {
  const server = await listen({
    port: 0,
    hostKeys: [targetKey],
    authenticate: (login) => login.method === "publickey" && login.fingerprint === fingerprintOf(userKey),
    session: (session) => void session.stdout.write(`${session.user} ran ${session.command}\n`),
    ...options,
  });
  servers.push(server);
  return server;
}

/** Connects to the client's target, or always to another port. */
function forward(open: PeerOpen, otherPort?: number): void {
  const { address, port: wantedPort } = tcpipChannel.decode(open.data);
  const port = otherPort ?? wantedPort;
  const socket = connectSocket({ host: address, port, allowHalfOpen: true, noDelay: true });
  socket.on("error", () => open.reject(2, "connection refused"));
  socket.on("connect", () => {
    const channel = open.accept();
    if (channel === undefined) socket.destroy();
    else void bridge(channel, socketDuplex(socket), new AbortController().signal);
  });
}

/** A jump host and the channel types that its clients opened. */
async function jumpHost(
  options: Partial<ListenOptions> = {},
  open: (open: PeerOpen) => void = (one) => forward(one),
): Promise<{ readonly server: SshServer; readonly opens: string[]; readonly events: ListenEvent[] }> {
  const opens: string[] = [];
  const events: ListenEvent[] = [];
  const server = await started({
    hostKeys: [hopKey],
    authenticate: (login) =>
      login.method === "publickey" &&
      login.fingerprint === fingerprintOf(userKey) && { permissions: { channels: ["direct-tcpip"] } },
    channels: {
      "direct-tcpip": (one) => {
        opens.push(one.channelType);
        open(one);
      },
    },
    session: () => {
      throw new Error("a jump host has no session");
    },
    log: (event) => events.push(event),
    ...options,
  });
  return { server, opens, events };
}

const to = (port: number, options: Partial<ConnectOptions> = {}): ConnectOptions => ({
  host: "127.0.0.1",
  port,
  user: "alice",
  identities: [userKey],
  agent: false,
  hostKey: fingerprintOf(targetKey),
  ...options,
});

const hop = (port: number, options: object = {}): Hop => ({
  host: "127.0.0.1",
  port,
  user: "jumper",
  identities: [userKey],
  hostKey: fingerprintOf(hopKey),
  ...options,
});

const others: TestServer[] = [];

/** Waits until every client has disconnected, and closes the servers. */
async function untilDeserted(): Promise<void> {
  for (const server of servers) await vi.waitFor(() => expect(server.connections).toEqual([]), 10_000);
  await Promise.all(servers.splice(0).map((server) => server.close()));
}

/** A server that does not speak SSH. */
async function other(onConnection: (socket: Socket) => void): Promise<TestServer> {
  const server = await serve(onConnection);
  others.push(server);
  return server;
}

const greet = async (ssh: Client): Promise<string> => (await ssh.exec("hello")).stdout;

describe("through a jump host", () => {
  test("each connection has its own host key check and login, the jump host has no session, and nothing stays open", async () => {
    const leftOpen = await watchResources();
    const { server, opens, events } = await jumpHost();
    const target = await started({});
    const ssh = await connect(to(target.address.port, { via: hop(server.address.port) }));
    expect(await greet(ssh)).toBe("alice ran hello\n");
    expect(opens).toEqual(["direct-tcpip"]);
    await ssh.close();
    expect(await ssh.ended).toMatchObject({ code: "closed" });
    expect(events.filter(({ type }) => type === "session-started")).toEqual([]);
    await untilDeserted();
    expect(await leftOpen()).toEqual([]);
  });

  test("opens only the forwarding channel at the jump host", async () => {
    const [jump, target] = [await jumpHost(), await started({})];
    const opened: string[] = [];
    const trace: TracePort = (record) => {
      if (record.type === "packet" && record.message === "SSH_MSG_CHANNEL_OPEN") opened.push(record.summary);
    };
    await using ssh = await connect(to(target.address.port, { via: hop(jump.server.address.port, { trace }) }));
    expect(await greet(ssh)).toBe("alice ran hello\n");
    expect(opened).toEqual([expect.stringContaining("direct-tcpip")]);
  });

  test("the destination's host key reveals a jump host that connects elsewhere, before a login is sent", async () => {
    const elsewhere = await started({ hostKeys: [hopKey], methods: ["password"], authenticate: () => true });
    const jump = await jumpHost({}, (open) => forward(open, elsewhere.address.port));
    const target = await started({});
    const asked: string[] = [];
    const connecting = connect(
      to(target.address.port, {
        via: hop(jump.server.address.port),
        identities: [],
        password: () => {
          asked.push("password");
          return "secret";
        },
      }),
    );
    await expect(connecting).rejects.toMatchObject({
      code: "host-key-refused",
      message: expect.not.stringContaining("jump host"),
    });
    expect(asked).toEqual([]);
  });

  test("several jump hosts are used in order", async () => {
    const [outer, inner, target] = [await jumpHost(), await jumpHost(), await started({})];
    const via = [hop(outer.server.address.port), hop(inner.server.address.port)];
    await using ssh = await connect(to(target.address.port, { via }));
    expect(await greet(ssh)).toBe("alice ran hello\n");
    expect([outer.opens, inner.opens]).toEqual([["direct-tcpip"], ["direct-tcpip"]]);
  });

  test("a connected client can be the first hop, and stays open", async () => {
    const [jump, target] = [await jumpHost(), await started({})];
    await using client = await connect(hop(jump.server.address.port) as ConnectOptions);
    for (const via of [client, [client], [client, hop(jump.server.address.port)]]) {
      await using ssh = await connect(to(target.address.port, { via }));
      expect(await greet(ssh)).toBe("alice ran hello\n");
    }
    await using ssh = await connect(to(target.address.port, { via: client }));
    expect(await greet(ssh)).toBe("alice ran hello\n");
  });

  test("a text is checked against known_hosts, and does not inherit the destination's key and user", async () => {
    const [jump, target] = [await jumpHost(), await started({})];
    const { port } = jump.server.address;
    const folder = await temporaryFolder();
    const knownHosts = join(folder, "known_hosts");
    const line = Buffer.from(hopKey.publicKey.blob).toString("base64");
    await writeFile(knownHosts, `[127.0.0.1]:${port} ssh-ed25519 ${line}\n`);
    // The server accepts none of this machine's keys.
    const error = await connect(to(target.address.port, { via: `bob@127.0.0.1:${port}`, knownHosts })).catch((e) => e);
    expect(error).toMatchObject({ code: "auth-failed" });
    expect(error.message).toMatch(/^jump host 127\.0\.0\.1 port \d+: bob: /);
    await writeFile(knownHosts, "");
    const unknown = connect(
      to(target.address.port, { via: `bob@127.0.0.1:${port}`, knownHosts, unknownHost: () => true }),
    );
    await expect(unknown).rejects.toMatchObject({ code: "host-key-unknown" });
    expect(jump.opens).toEqual([]);
  });
});

describe("connecting through a failing jump host rejects with its name and leaves nothing open", () => {
  test.each<[string, string, () => Promise<Hop>]>([
    [
      "does not listen",
      "connection-failed",
      async () => {
        const { server } = await jumpHost();
        await server.close();
        return hop(server.address.port);
      },
    ],
    [
      "has another key",
      "host-key-refused",
      async () => hop((await jumpHost({ hostKeys: [targetKey] })).server.address.port),
    ],
    [
      "refuses the login",
      "auth-failed",
      async () => hop((await jumpHost({ authenticate: () => false })).server.address.port),
    ],
    [
      "prohibits forwarding",
      "forward-denied",
      async () => hop((await jumpHost({}, (open) => open.reject(1, "no"))).server.address.port),
    ],
    [
      "cannot connect onward",
      "forward-unreachable",
      async () => hop((await jumpHost({}, (open) => open.reject(2, "no"))).server.address.port),
    ],
    [
      "does not support forwarding",
      "forward-unsupported",
      async () => hop((await jumpHost({}, (open) => open.reject(3, "no"))).server.address.port),
    ],
    ["closes the connection", "connection-lost", async () => hop((await other((socket) => socket.end())).port)],
    ["sends nothing", "kex-timeout", async () => hop((await other(() => {})).port, { limits: { kexTimeout: 100 } })],
  ])("if it %s: %s", async (_, code, make) => {
    const leftOpen = await watchResources();
    const via = await make();
    const target = await started({});
    const { port } = via as ConnectOptions;
    await expect(connect(to(target.address.port, { via }))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(`jump host 127.0.0.1 port ${port}: `),
    });
    await untilDeserted();
    await Promise.all(others.splice(0).map((server) => server.close()));
    expect(await leftOpen()).toEqual([]);
  });

  test("if it does not connect onward in time; the kex timeout starts only after that", async () => {
    const leftOpen = await watchResources();
    const jump = await jumpHost({}, () => {});
    const target = await started({});
    const via = hop(jump.server.address.port, { limits: {}, connectTimeout: 15_000 });
    const options = to(target.address.port, { via, connectTimeout: 200 });
    await expect(connect({ ...options, limits: { kexTimeout: 50 } })).rejects.toMatchObject({
      code: "connect-timeout",
    });
    await untilDeserted();
    expect(await leftOpen()).toEqual([]);
  });

  test("if the client does not open the channel in time; a channel that opens later is closed", async () => {
    let accept: (() => void) | undefined;
    let ended: Promise<unknown> | undefined;
    const jump = await jumpHost({}, (open) => {
      accept = () => {
        const channel = open.accept()!;
        channel.handler = { data() {}, writable() {}, eof() {}, request() {}, closed() {} };
        ended = channel.ended;
      };
    });
    await using client = await connect(hop(jump.server.address.port) as ConnectOptions);
    const late = connect(to(22, { via: client, connectTimeout: 100 }));
    await expect(late).rejects.toMatchObject({
      code: "connect-timeout",
      message: expect.stringContaining("the client in `via`: cannot connect to 127.0.0.1 port 22"),
    });
    await vi.waitUntil(() => accept !== undefined, { timeout: 10_000 });
    accept!();
    expect(await ended).toMatchObject({ broken: false });
  });
});

describe("a connection through a jump host", () => {
  test("ends with `connection-lost` naming the jump host if it breaks", async () => {
    const leftOpen = await watchResources();
    const [jump, target] = [await jumpHost(), await started({})];
    const ssh = await connect(to(target.address.port, { via: hop(jump.server.address.port) }));
    expect(await greet(ssh)).toBe("alice ran hello\n");
    await jump.server.close();
    const error = await ssh.ended;
    expect(error).toMatchObject({
      code: "connection-lost",
      message: expect.stringContaining("jump host 127.0.0.1 port"),
    });
    await untilDeserted();
    expect(await leftOpen()).toEqual([]);
  });

  test("ends with `connection-lost` if its client is closed", async () => {
    const [jump, target] = [await jumpHost(), await started({})];
    const client = await connect(hop(jump.server.address.port) as ConnectOptions);
    const ssh = await connect(to(target.address.port, { via: client }));
    await client.close();
    expect(await ssh.ended).toMatchObject({ code: "connection-lost" });
    expect(await codeOf(connect(to(target.address.port, { via: client })))).toBe("closed");
  });

  test("is closed if the destination refuses the login", async () => {
    const leftOpen = await watchResources();
    const [jump, target] = [await jumpHost(), await started({ authenticate: () => false })];
    const refused = connect(to(target.address.port, { via: hop(jump.server.address.port) }));
    await expect(refused).rejects.toMatchObject({
      code: "auth-failed",
      message: expect.not.stringContaining("jump host"),
    });
    await untilDeserted();
    expect(await leftOpen()).toEqual([]);
  });

  test.each(["destination", "jump host"])("is aborted by the signal of the %s at any stage", async (whose) => {
    const leftOpen = await watchResources();
    const abort = new AbortController();
    const jump = await jumpHost({}, () => abort.abort());
    const signal = { signal: abort.signal };
    const via = hop(jump.server.address.port, whose === "jump host" ? signal : {});
    const connecting = connect(to(22, { via, ...(whose === "destination" && signal) }));
    expect(await codeOf(connecting)).toBe("aborted");
    await untilDeserted();
    expect(await leftOpen()).toEqual([]);
  });
});

describe("an invalid jump host is rejected before anything is sent", () => {
  const client = { dialChannel: () => Promise.reject(new Error("not called")) };
  test.each<[string, unknown, string]>([
    ["an address without brackets", "2001:db8::1", "an IPv6 address in brackets"],
    ["an empty text", "", 'invalid jump host; expected "alice@bastion:2222"'],
    ["no host", "alice@", 'invalid jump host; expected "alice@bastion:2222"'],
    ["a port without a number", "bastion:ssh", 'invalid jump host; expected "alice@bastion:2222"'],
    ["an invalid port", "bastion:0", "jump host bastion port 0: invalid port 0; expected an integer from 1 to 65535"],
    ["a number", 42, "the options of a jump host must be an object, got number"],
    ["nothing", null, "the options of a jump host must be an object, got null"],
    ["an unknown option", { host: "bastion", username: "alice" }, "`username` is not an option of a jump host"],
    ["nested jump hosts", { host: "bastion", via: "other" }, "`via` is not an option of a jump host"],
    ["no host in the options", { user: "alice" }, "jump host: `host` is required"],
    ["a client that is not the first", ["bastion", client], "a connected client in `via` must come first"],
    ["a missing key file", { host: "bastion", identities: ["/nowhere/key"] }, "jump host bastion port 22: "],
  ])("such as %s", async (_, via, words) => {
    await expect(connect(to(1, { via: via as Hop }))).rejects.toMatchObject({
      message: expect.stringContaining(words),
    });
  });
});
