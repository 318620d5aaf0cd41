import { code, failure, text as textOf, uncaught } from "@nacre/testing/nacre/outcomes";
import { open, visitor, wire } from "@nacre/testing/nacre/wire";
import { SshError, streamlocalForward, tcpipChannel, tcpipForward, tcpipForwardReply, utf8Encode } from "@nacre/wire";
import {
  type ByteStreams,
  type Channel,
  type Client,
  type ConnectContext,
  connect,
  type Duplex,
  type Forwarding,
  type ForwardTarget,
  type ListenAddress,
  type ListenContext,
  type Login,
  type LoginDecision,
  type Permissions,
  type ServeOptions,
  type ServerConnection,
  type ServerEvent,
  type Session,
  serve,
} from "nacre";
import { afterEach, describe, expect, it } from "vitest";
import { webDuplex } from "../../src/mux/duplex.ts";
import type { GlobalReply } from "../../src/mux/mux.ts";
import { clientMux, deaf, type TestMux, unopened } from "../support/muxes.ts";

// Forwarding of a server, with our client or hand-made opens, and byte connections in memory.

const connections: ServerConnection[] = [];
afterEach(async () => {
  await Promise.all(connections.splice(0).map((connection) => connection.close()));
});

const FORWARDING: Permissions = { portForwarding: true };
const TARGET: ForwardTarget = { host: "example.org", port: 80 };

/** An application in memory that records the requests it gets. */
class Application implements Forwarding {
  readonly targets: ForwardTarget[] = [];
  readonly contexts: ConnectContext[] = [];
  /** Far ends of the connections that `connect` opened. */
  readonly ends: ByteStreams[] = [];
  readonly listeners: { readonly address: ListenAddress; readonly context: ListenContext; closed: boolean }[] = [];
  /** Promise that `connect` waits for first. */
  dialling: Promise<void> = Promise.resolve();
  /** Promise that `listen` waits for first. */
  binding: Promise<void> = Promise.resolve();
  /** Promise that closing a byte connection waits for. */
  closing: Promise<void> = Promise.resolve();
  /** Number of open duplexes passed to the server. */
  alive = 0;

  connect = async (target: ForwardTarget, context: ConnectContext): Promise<Duplex> => {
    this.targets.push(target);
    this.contexts.push(context);
    await this.dialling;
    return this.duplex();
  };

  listen = async (address: ListenAddress, context: ListenContext) => {
    const listener = { address, context, closed: false };
    this.listeners.push(listener);
    await this.binding;
    return {
      port: address.port === 0 ? 40_000 : address.port,
      close: async () => {
        listener.closed = true;
      },
    };
  };

  /** Makes a byte connection for the server, and adds its far end to `ends`. */
  duplex(): Duplex {
    const { near, far } = wire();
    this.ends.push(near);
    const inner = webDuplex(far);
    this.alive++;
    let closing: Promise<void> | undefined;
    return {
      open: (handler) => inner.open(handler),
      write: (pieces) => inner.write(pieces),
      pause: () => inner.pause(),
      resume: () => inner.resume(),
      end: () => inner.end(),
      close: () => (closing ??= this.closing.then(() => inner.close()).finally(() => this.alive--)),
    };
  }
}

interface Served {
  readonly application: Application;
  readonly client: Client;
  readonly connection: ServerConnection;
  readonly events: ServerEvent[];
}

async function served(
  permissions: Permissions | true = FORWARDING,
  server: Partial<ServeOptions<Session>> = {},
): Promise<Served> {
  const { near, far } = wire();
  const application = new Application();
  const events: ServerEvent[] = [];
  const authenticate = (): LoginDecision => permissions === true || { permissions };
  const connection = serve(far, {
    ...open,
    authenticate,
    forwarding: application,
    log: (event) => events.push(event),
    ...server,
  });
  connections.push(connection);
  return { application, client: await connect(near, visitor), connection, events };
}

/** Like `served`, with a mux that sends hand-made requests. */
async function servedByHand(
  permissions: Permissions = FORWARDING,
  server: Partial<ServeOptions<Session>> = {},
): Promise<Omit<Served, "client"> & { readonly mux: TestMux }> {
  const { near, far } = wire(64);
  const application = new Application();
  const events: ServerEvent[] = [];
  const connection = serve(far, {
    ...open,
    authenticate: () => ({ permissions }),
    forwarding: application,
    session: () => 0,
    log: (event) => events.push(event),
    ...server,
  });
  connections.push(connection);
  const mux = clientMux(near);
  await new Promise<void>((resolve) => {
    mux.open("session", undefined, { ...unopened, opened: () => resolve() });
    mux.engine.start();
    mux.engine.turn();
  });
  return { application, mux, connection, events };
}

const refusals = (events: readonly ServerEvent[]): unknown[] =>
  events.flatMap((event) => (event.type === "request-refused" ? [event.request] : []));

/** Opens a channel. Resolves with the channel, the reason code of a refusal, or the error that ended the connection. */
function opening(mux: TestMux, channelType: string, data?: Uint8Array): Promise<Channel | number | SshError> {
  return new Promise((resolve) => {
    mux.open(channelType, data, { opened: resolve, refused: (reasonCode) => resolve(reasonCode), lost: resolve });
  });
}

const direct = ({ host = "example.org", port = 80 } = {}): Uint8Array =>
  tcpipChannel.encode({ address: host, port, originatorAddress: "192.0.2.1", originatorPort: 1234 });

const asking = (mux: TestMux, name: string, data: Uint8Array): Promise<GlobalReply> =>
  new Promise((resolve) => mux.globalRequest(name, data, resolve));

function later<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

const listenAt = (address: string, port: number): Uint8Array => tcpipForward.encode({ address, port });
const REFUSED: GlobalReply = { success: false, error: undefined };
const macrotasks = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve));
};
/** Waits until `happened` returns true. */
async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await macrotasks();
}
async function writeAll({ writable }: Pick<ByteStreams, "writable">, words: string): Promise<void> {
  const writer = writable.getWriter();
  await writer.write(utf8Encode(words));
  await writer.close();
}
const text = ({ readable }: Pick<ByteStreams, "readable">): Promise<string> => textOf(readable);

describe("a forwarded connection", () => {
  it("carries bytes and EOF in both directions", async () => {
    const { application, client, connection, events } = await served();
    const pair = await client.dial(TARGET, { originator: { address: "192.0.2.7", port: 99 } });
    await writeAll(pair, "question");
    expect(await text(application.ends[0]!)).toBe("question");
    await writeAll(application.ends[0]!, "answer");
    expect(await text(pair)).toBe("answer");
    expect(application.targets).toEqual([TARGET]);
    const originator = { address: "192.0.2.7", port: 99 };
    expect(application.contexts).toEqual([
      {
        connection,
        user: "alice",
        factors: [expect.objectContaining({ method: "publickey" })],
        remoteAddress: undefined,
        originator,
        signal: expect.any(AbortSignal) as unknown,
      },
    ]);
    expect(events).toContainEqual({ type: "forward-opened", target: TARGET, originator });
    await until(() => application.alive === 0);
    await client.close();
  });

  it("goes to a Unix socket, without an originator", async () => {
    const { application, client } = await served();
    await client.dial({ path: "/run/app.sock" });
    expect(application.targets).toEqual([{ path: "/run/app.sock" }]);
    expect(application.contexts[0]?.originator).toBeUndefined();
    await client.close();
  });

  it.each([
    ["forward-denied", 1],
    ["forward-limit", 4],
    ["connection-failed", 2],
  ] as const)("that fails with %s is refused with reason code %d and a fixed text", async (errorCode, reasonCode) => {
    const { near, far } = wire();
    const said: unknown[] = [];
    const events: ServerEvent[] = [];
    const error = new SshError(errorCode, "secret of the server");
    connections.push(
      serve(far, {
        ...open,
        authenticate: () => ({ permissions: FORWARDING }),
        forwarding: { connect: () => Promise.reject(error) },
        log: (event) => events.push(event),
      }),
    );
    const mux = clientMux(near);
    await new Promise<void>((resolve) => {
      mux.open("session", undefined, { ...unopened, opened: () => resolve() });
      mux.engine.start();
      mux.engine.turn();
    });
    await new Promise<void>((resolve) => {
      const refused = (...why: unknown[]): void => {
        said.push(...why);
        resolve();
      };
      mux.open("direct-tcpip", direct(), { ...unopened, refused });
    });
    expect(said[0]).toBe(reasonCode);
    expect(said[1]).not.toContain("secret");
    expect(events).toContainEqual({
      type: "request-refused",
      session: undefined,
      request: "direct-tcpip example.org:80",
      error,
    });
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("application");
      },
    ],
    ["returns an invalid byte connection", () => ({ open: true })],
  ])("is refused if connect %s, and the SSH connection continues", async (_, broken) => {
    const { client } = await served(FORWARDING, { forwarding: { connect: broken as never } });
    expect(await failure(client.dial(TARGET))).toEqual(code("forward-unreachable"));
    expect(await failure(client.dial(TARGET))).toEqual(code("forward-unreachable"));
    await client.close();
  });

  it.each([
    ["an empty host", direct({ host: "" })],
    ["a host with NUL", direct({ host: "a\0b" })],
    ["a host that is too long", direct({ host: "a".repeat(256) })],
    ["port 0", direct({ port: 0 })],
    ["port 65536", direct({ port: 65_536 })],
    ["missing data", new Uint8Array(3)],
    ["data that is too long", Uint8Array.of(...direct(), 0)],
  ])("to %s is refused without calling connect", async (_, data) => {
    const { application, mux } = await servedByHand();
    expect(await opening(mux, "direct-tcpip", data)).toBe(1);
    expect(application.targets).toEqual([]);
  });

  it("releases the byte connection when the client closes the channel", async () => {
    const { application, mux } = await servedByHand();
    const channel = (await opening(mux, "direct-tcpip", direct())) as Channel;
    channel.handler = deaf;
    channel.close();
    await until(() => application.alive === 0);
  });

  it("closes the channel when the byte connection breaks", async () => {
    const { application, client } = await served();
    const pair = await client.dial(TARGET);
    await application.ends[0]?.writable.abort(new Error("reset"));
    expect(await failure(text(pair))).toEqual(code("channel-closed"));
    await client.close();
  });

  it("is closed if connect resolves after the end of the SSH connection", async () => {
    const { application, client, connection } = await served();
    let dialled!: () => void;
    application.dialling = new Promise((resolve) => {
      dialled = resolve;
    });
    const opened = failure(client.dial(TARGET));
    await until(() => application.targets.length === 1);
    await connection.close();
    expect(await opened).toBeInstanceOf(SshError);
    expect(application.contexts[0]?.signal.aborted).toBe(true);
    dialled();
    await until(() => application.ends.length === 1);
    await until(() => application.alive === 0);
  });

  it("is released before the SSH connection's ended resolves", async () => {
    const { application, client, connection } = await served();
    for (let i = 0; i < 5; i++) await client.dial(TARGET);
    expect(application.alive).toBe(5);
    await connection.close();
    expect(application.alive).toBe(0);
  });

  it("delays the SSH connection's ended until it is released", async () => {
    const { application, client, connection } = await served();
    let closed!: () => void;
    application.closing = new Promise((resolve) => {
      closed = resolve;
    });
    await client.dial(TARGET);
    let isEnded = false;
    const ended = connection.close().then(() => {
      isEnded = true;
    });
    await macrotasks();
    expect(isEnded).toBe(false);
    closed();
    await ended;
  });

  it("is refused during the grace time of close, as are listeners", async () => {
    const { application, mux, connection, events } = await servedByHand(FORWARDING, {
      session: () => new Promise(() => {}),
    });
    const session = (await opening(mux, "session")) as Channel;
    await session.request("shell", new Uint8Array(0));
    await asking(mux, "tcpip-forward", listenAt("localhost", 1));
    let offered = 0;
    mux.accept("forwarded-tcpip", (one) => {
      offered++;
      one.accept();
    });
    void connection.close({ grace: 3_600_000 });
    expect(await opening(mux, "direct-tcpip", direct())).toBe(1);
    expect(await asking(mux, "tcpip-forward", listenAt("localhost", 2))).toEqual(REFUSED);
    expect(application.targets).toEqual([]);
    application.listeners[0]?.context.accept(application.duplex(), { address: "192.0.2.7", port: 1 });
    await macrotasks();
    expect([application.alive, offered]).toEqual([0, 0]);
    expect(refusals(events)).toEqual(["direct-tcpip example.org:80", "tcpip-forward localhost:2"]);
    await connection.close();
  });

  it("does not delay close with a grace time", async () => {
    const { application, client, connection } = await served();
    await client.dial(TARGET);
    await connection.close({ grace: 3_600_000 });
    expect(application.alive).toBe(0);
  });
});

/** Decides two factors, whose lists have one place in common. */
const byBoth = ({ method }: Login): LoginDecision =>
  method === "publickey"
    ? {
        next: ["password"],
        permissions: { portForwarding: true, permitOpen: ["a:1", "b:2"], permitListen: ["1", "2"] },
      }
    : { permissions: { portForwarding: true, permitOpen: ["b:2", "c:3"], permitListen: ["localhost:2", "3"] } };

describe("permission for forwarding", () => {
  it.each([
    ["true", true],
    ["no permission", {}],
    ["a forced command", { command: "true" }],
    ["lists without portForwarding", { permitOpen: ["*:*"], permitListen: ["*"] }],
    ["application channels with forwarding names", { channels: ["direct-tcpip"], globalRequests: ["tcpip-forward"] }],
  ] as const)("is not granted by %s: everything is refused and logged", async (_, permissions) => {
    const { application, client, events } = await served(permissions);
    expect(await failure(client.dial(TARGET))).toEqual(code("forward-denied"));
    expect(await failure(client.dial({ path: "/run/app.sock" }))).toEqual(code("forward-denied"));
    expect(await failure(client.listen({ port: 0 }))).toEqual(code("forward-denied"));
    expect(await failure(client.listen({ path: "/run/app.sock" }))).toEqual(code("forward-denied"));
    expect(refusals(events)).toEqual([
      "direct-tcpip",
      "direct-streamlocal@openssh.com",
      "tcpip-forward",
      "streamlocal-forward@openssh.com",
    ]);
    expect([application.targets, application.listeners]).toEqual([[], []]);
    await client.close();
  });

  it("needs every factor, and each factor's list must include the place", async () => {
    const { near, far } = wire();
    const application = new Application();
    const methods = ["publickey", "password"] as const;
    connections.push(serve(far, { ...open, authenticate: byBoth, methods, forwarding: application }));
    const client = await connect(near, { ...visitor, password: "secret" });
    const outcomes = await Promise.all(
      [["a", 1] as const, ["b", 2] as const, ["c", 3] as const].map(async ([host, port]) => [
        await failure(client.dial({ host, port })),
        await failure(client.listen({ port })),
      ]),
    );
    expect(outcomes).toEqual([
      [code("forward-denied"), code("forward-denied")],
      [expect.objectContaining({ readable: expect.anything() as unknown }), expect.objectContaining({ port: 2 })],
      [code("forward-denied"), code("forward-denied")],
    ]);
    expect(application.targets).toEqual([{ host: "b", port: 2 }]);
    await client.close();
  });

  it("with a list excludes Unix sockets that the list does not name", async () => {
    const { application, client } = await served({ portForwarding: true, permitOpen: ["*:*"], permitListen: ["*"] });
    expect(await failure(client.dial({ path: "/run/app.sock" }))).toEqual(code("forward-denied"));
    expect(await failure(client.listen({ path: "/run/app.sock" }))).toEqual(code("forward-denied"));
    expect([application.targets, application.listeners]).toEqual([[], []]);
    await client.close();
  });

  it("has no effect without the server's forwarding functions", async () => {
    const { client } = await served(FORWARDING, { forwarding: undefined });
    expect(await failure(client.dial(TARGET))).toEqual(code("forward-denied"));
    await client.close();
    const half = await served(FORWARDING, { forwarding: { listen: new Application().listen } });
    expect(await failure(half.client.dial(TARGET))).toEqual(code("forward-denied"));
    expect(await half.client.listen({ port: 0 })).toMatchObject({ port: 40_000 });
    await half.client.close();
  });
});

describe("limits of forwarding", () => {
  it("count connections that are being opened", async () => {
    const { application, client } = await served(FORWARDING, { limits: { maxForwardedConnections: 2 } });
    let dialled!: () => void;
    application.dialling = new Promise((resolve) => {
      dialled = resolve;
    });
    const pairs = [client.dial(TARGET), client.dial(TARGET)];
    expect(await failure(client.dial(TARGET))).toEqual(code("forward-limit"));
    dialled();
    const [pair] = await Promise.all(pairs);
    expect(await failure(client.dial(TARGET))).toEqual(code("forward-limit"));
    await pair?.writable.abort();
    await until(() => application.alive === 1);
    await client.dial(TARGET);
    await client.close();
  });

  it("leave room for sessions beside the maximum number of slow dials", async () => {
    const { application, mux } = await servedByHand();
    application.dialling = new Promise(() => {});
    const outcomes: unknown[] = [];
    for (let i = 0; i < 230; i++) void opening(mux, "direct-tcpip", direct()).then((outcome) => outcomes.push(outcome));
    await until(() => outcomes.length === 6);
    expect(outcomes).toEqual(Array(6).fill(4));
    expect(application.targets).toHaveLength(224);
    expect(await opening(mux, "session")).toHaveProperty("closed", false);
  });

  it("limit the listeners of a client", async () => {
    const { client } = await served(FORWARDING, { limits: { maxForwardListeners: 2 } });
    const one = await client.listen({ port: 1 });
    await client.listen({ path: "/run/app.sock" });
    expect(await failure(client.listen({ port: 2 }))).toEqual(code("forward-denied"));
    await one.close();
    await client.listen({ port: 2 });
    await client.close();
  });
});

describe("a listener", () => {
  it("reports its port and forwards connections in both directions", async () => {
    const { application, client, events } = await served();
    const listener = await client.listen({ port: 0 });
    expect(listener.port).toBe(40_000);
    const [{ context, address }] = application.listeners as [Application["listeners"][0]];
    expect(address).toEqual({ host: "localhost", port: 0 });
    context.accept(application.duplex(), { address: "192.0.2.7", port: 99 });
    const { value: pair } = await listener[Symbol.asyncIterator]().next();
    await writeAll(application.ends[0]!, "hello");
    expect(await text(pair!)).toBe("hello");
    await writeAll(pair!, "and back");
    expect(await text(application.ends[0]!)).toBe("and back");
    expect(pair).toMatchObject({ remoteAddress: "192.0.2.7", remotePort: 99 });
    const at = { host: "localhost", port: 40_000 };
    expect(events).toContainEqual({ type: "forward-listening", address: at });
    const originator = { address: "192.0.2.7", port: 99 };
    expect(events).toContainEqual({ type: "forward-accepted", address: at, originator });
    await until(() => application.alive === 0);
    await client.close();
  });

  it("may be a Unix socket", async () => {
    const { application, client } = await served();
    const listener = await client.listen({ path: "/run/app.sock" });
    application.listeners[0]?.context.accept(application.duplex());
    const { value: pair } = await listener[Symbol.asyncIterator]().next();
    await writeAll(application.ends[0]!, "hello");
    expect(await text(pair!)).toBe("hello");
    await listener.close();
    expect(application.listeners[0]?.closed).toBe(true);
    await client.close();
  });

  it("replies with its port only if port 0 was requested", async () => {
    const { mux } = await servedByHand();
    expect(await asking(mux, "tcpip-forward", listenAt("", 0))).toEqual({
      success: true,
      data: tcpipForwardReply.encode({ port: 40_000 }),
    });
    expect(await asking(mux, "tcpip-forward", listenAt("", 8080))).toEqual({ success: true, data: new Uint8Array(0) });
  });

  it("is refused a second time at the same address until it is cancelled", async () => {
    const { application, mux, events } = await servedByHand();
    const at = listenAt("localhost", 8080);
    const path = streamlocalForward.encode({ path: "/run/app.sock" });
    const replies = [
      asking(mux, "tcpip-forward", at),
      asking(mux, "tcpip-forward", at),
      asking(mux, "cancel-tcpip-forward", at),
      asking(mux, "tcpip-forward", at),
      asking(mux, "streamlocal-forward@openssh.com", path),
      asking(mux, "streamlocal-forward@openssh.com", path),
      asking(mux, "cancel-streamlocal-forward@openssh.com", path),
    ];
    expect((await Promise.all(replies)).map(({ success }) => success)).toEqual([
      true,
      false,
      true,
      true,
      true,
      false,
      true,
    ]);
    expect(application.listeners.map(({ closed }) => closed)).toEqual([true, false, true]);
    expect(application.listeners[0]?.context.signal.aborted).toBe(true);
    expect(events).toContainEqual({ type: "forward-stopped", address: { host: "localhost", port: 8080 } });
  });

  it.each([
    ["cancel-tcpip-forward", listenAt("localhost", 1)],
    ["cancel-tcpip-forward", listenAt("localhost", 0)],
    ["cancel-tcpip-forward", listenAt("127.0.0.1", 40_000)],
    ["cancel-tcpip-forward", new Uint8Array(1)],
    ["cancel-streamlocal-forward@openssh.com", streamlocalForward.encode({ path: "/run/other.sock" })],
  ])("is not cancelled by a request for another address: %s", async (name, data) => {
    const { application, mux, events } = await servedByHand();
    await asking(mux, "tcpip-forward", listenAt("localhost", 0));
    await asking(mux, "streamlocal-forward@openssh.com", streamlocalForward.encode({ path: "/run/app.sock" }));
    expect(await asking(mux, name, data)).toEqual(REFUSED);
    // Nothing failed, so the event has no error.
    expect(events.at(-1)).toStrictEqual({ type: "request-refused", session: undefined, request: expect.any(String) });
    expect(application.listeners.map(({ closed }) => closed)).toEqual([false, false]);
  });

  it.each([
    ["tcpip-forward", "port 65536", listenAt("localhost", 65_536)],
    ["tcpip-forward", "a host with NUL", listenAt("local\0host", 1)],
    ["tcpip-forward", "a host that is too long", listenAt("a".repeat(256), 1)],
    ["tcpip-forward", "missing data", new Uint8Array(2)],
    ["streamlocal-forward@openssh.com", "an empty path", streamlocalForward.encode({ path: "" })],
    [
      "streamlocal-forward@openssh.com",
      "a path that is too long",
      streamlocalForward.encode({ path: "/".repeat(108) }),
    ],
    ["streamlocal-forward@openssh.com", "a path with NUL", streamlocalForward.encode({ path: "/run/a\0b" })],
  ])("by %s at %s is refused without calling listen", async (name, _, data) => {
    const { application, mux } = await servedByHand();
    expect(await asking(mux, name, data)).toEqual(REFUSED);
    expect(application.listeners).toEqual([]);
  });

  it("at port 0 is refused if the client wants no reply", async () => {
    const { application, mux, events } = await servedByHand();
    mux.globalRequest("tcpip-forward", listenAt("localhost", 0));
    mux.globalRequest("tcpip-forward", listenAt("localhost", 8080));
    await until(() => application.listeners.length === 1);
    expect(application.listeners[0]?.address.port).toBe(8080);
    expect(refusals(events)).toEqual(["tcpip-forward localhost:0"]);
  });

  it.each([
    ["rejects", () => Promise.reject(new SshError("listen-failed", "in use"))],
    [
      "throws",
      () => {
        throw new Error("application");
      },
    ],
    ["returns an invalid listener", () => ({})],
    ["returns no port for port 0", () => ({ close: () => Promise.resolve() })],
  ])("is refused if listen %s, and may be requested again", async (_, broken) => {
    const { mux, events } = await servedByHand(FORWARDING, { forwarding: { listen: broken as never } });
    for (let i = 0; i < 2; i++) expect(await asking(mux, "tcpip-forward", listenAt("", 0))).toEqual(REFUSED);
    expect(refusals(events)).toEqual(["tcpip-forward :0", "tcpip-forward :0"]);
  });

  it("offers a connection accepted early only after the reply", async () => {
    const { application, mux } = await servedByHand();
    let bound!: () => void;
    application.binding = new Promise((resolve) => {
      bound = resolve;
    });
    const said: string[] = [];
    mux.accept("forwarded-tcpip", (one) => {
      said.push("open");
      one.accept();
    });
    mux.globalRequest("tcpip-forward", listenAt("", 8080), ({ success }) => said.push(`reply ${success}`));
    await until(() => application.listeners.length === 1);
    application.listeners[0]?.context.accept(application.duplex(), { address: "192.0.2.7", port: 99 });
    await macrotasks();
    expect(said).toEqual([]);
    bound();
    await until(() => said.length === 2);
    expect(said).toEqual(["reply true", "open"]);
  });

  it("sends the requested address and the chosen port", async () => {
    const { application, mux } = await servedByHand();
    const opens: unknown[] = [];
    mux.accept("forwarded-tcpip", (one) => {
      opens.push(tcpipChannel.decode(one.data));
      one.reject(2, "no");
    });
    await asking(mux, "tcpip-forward", listenAt("", 0));
    application.listeners[0]?.context.accept(application.duplex(), { address: "192.0.2.7", port: 99 });
    await until(() => application.alive === 0);
    expect(opens).toEqual([{ address: "", port: 40_000, originatorAddress: "192.0.2.7", originatorPort: 99 }]);
  });

  it("closes connections that exceed the limit, are not taken before it ends, or arrive after it ends", async () => {
    const { application, client, events } = await served(FORWARDING, { limits: { maxForwardedConnections: 3 } });
    const listener = await client.listen({ port: 8080 });
    const { accept } = application.listeners[0]!.context;
    // The client takes none of these, so they wait.
    for (let i = 0; i < 10; i++) accept(application.duplex(), { address: "192.0.2.7", port: i });
    await until(() => application.alive === 3);
    expect(refusals(events)).toHaveLength(7);
    await listener.close();
    await until(() => application.alive === 0);
    accept(application.duplex(), { address: "192.0.2.7", port: 1 });
    await until(() => application.alive === 0);
    await client.close();
  });

  it("ends with the SSH connection, and closes connections that the client has not answered", async () => {
    const { application, mux, connection } = await servedByHand();
    mux.accept("forwarded-tcpip", () => {});
    await asking(mux, "tcpip-forward", listenAt("", 8080));
    const { context } = application.listeners[0]!;
    for (let i = 0; i < 5; i++) context.accept(application.duplex(), { address: "192.0.2.7", port: i });
    await macrotasks();
    expect(application.alive).toBe(5);
    await connection.close();
    expect(application.listeners[0]?.closed).toBe(true);
    expect(context.signal.aborted).toBe(true);
    expect(application.alive).toBe(0);
    context.accept(application.duplex(), { address: "192.0.2.7", port: 6 });
    await until(() => application.alive === 0);
  });

  it("is closed if listen resolves after the end of the SSH connection", async () => {
    const { application, mux, connection } = await servedByHand();
    const bound = later<void>();
    application.binding = bound.promise;
    mux.globalRequest("tcpip-forward", listenAt("", 8080), () => {});
    await until(() => application.listeners.length === 1);
    await connection.close();
    expect(application.listeners[0]?.context.signal.aborted).toBe(true);
    bound.resolve();
    await until(() => application.listeners[0]?.closed === true);
  });

  // The end may come between any two promise jobs after `listen` has resolved.
  it.each(Array.from({ length: 16 }, (_, jobs) => jobs))(
    "is closed, and not reported as open, if the SSH connection ends %i promise jobs after listen resolves",
    async (jobs) => {
      const { application, mux, connection, events } = await servedByHand();
      const bound = later<void>();
      application.binding = bound.promise;
      mux.globalRequest("tcpip-forward", listenAt("", 8080), () => {});
      await until(() => application.listeners.length === 1);
      bound.resolve();
      for (let job = 0; job < jobs; job++) await Promise.resolve();
      await connection.close();
      await until(() => application.listeners[0]?.closed === true);
      const types = events.map(({ type }) => type);
      expect(types.slice(types.indexOf("closed"))).not.toContain("forward-listening");
    },
  );

  it("is not opened after the end of the SSH connection if its request waited for an earlier one", async () => {
    const { application, mux, connection } = await servedByHand();
    application.binding = new Promise(() => {});
    for (const port of [1, 2]) mux.globalRequest("tcpip-forward", listenAt("", port), () => {});
    await until(() => application.listeners.length === 1);
    // End the connection from the client, so that the server is not closing.
    mux.engine.fail(new SshError("closed", "gone"));
    await connection.ended;
    await macrotasks();
    expect(application.listeners).toHaveLength(1);
  });

  it("is refused if too many requests without a reply are queued", async () => {
    const { application, mux, events } = await servedByHand(FORWARDING, { limits: { maxPeerRequests: 4 } });
    application.binding = new Promise(() => {});
    for (let port = 1; port <= 10; port++) mux.globalRequest("tcpip-forward", listenAt("", port));
    await until(() => refusals(events).length === 6);
    expect(application.listeners).toHaveLength(1);
  });

  it("lets the connection end even if its close rejects", async () => {
    const thrown = uncaught();
    const listener = { port: 1, close: () => Promise.reject(new Error("application")) };
    const forwarding = { listen: () => Promise.resolve(listener) };
    const { mux, connection } = await servedByHand(FORWARDING, { forwarding });
    await asking(mux, "tcpip-forward", listenAt("", 8080));
    await connection.close();
    expect(thrown.map(String)).toEqual(["Error: application"]);
  });
});

describe("the option forwarding", () => {
  it.each([
    ["is a number", 7],
    ["has no functions", {}],
    ["has true instead of a function", { connect: true }],
    ["is null", null],
  ])("is rejected with usage if it %s", (_, forwarding) => {
    const { far } = wire();
    expect(() => serve(far, { ...open, forwarding: forwarding as never })).toThrow(
      expect.objectContaining({ code: "usage" }),
    );
  });

  it("reserves its channel and request names", async () => {
    const { far } = wire();
    const channels = { "direct-tcpip": () => {} };
    const forwarding = new Application();
    expect(() => serve(far, { ...open, channels, forwarding })).toThrow(expect.objectContaining({ code: "usage" }));
    const globalRequests = { "tcpip-forward": () => {} };
    expect(() => serve(far, { ...open, globalRequests, forwarding })).toThrow(
      expect.objectContaining({ code: "usage" }),
    );
    connections.push(serve(far, { ...open, channels, globalRequests }));
  });
});
