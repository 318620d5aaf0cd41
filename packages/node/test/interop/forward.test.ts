import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as connectSocket, createServer, type Server, type Socket } from "node:net";
import { Duplex as NodeDuplex, Readable, Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { freePort } from "@nacre/testing/free-port";
import { digestOf, MIB, randomData, sha256, writeAll } from "@nacre/testing/interop/data";
import { failure, fingerprintsOf, useServer, within } from "@nacre/testing/interop/server";
import {
  connect as connectOver,
  type ForwardTarget,
  type ListenAddress,
  type Client as WebClient,
  type WebPair,
} from "nacre";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { socketDuplex } from "../../src/index.ts";

const server = useServer();
const big = randomData(64 * MIB);
const bigDigest = { sha256: sha256(big), length: big.length };

/** Returns a path for a Unix socket on the server's machine. */
const socketPath = (): string => `/tmp/nacre-forward-${randomBytes(6).toString("hex")}`;

/** Handles a connection to a service. */
type Service = (socket: NodeDuplex) => unknown;

const echo: Service = (socket) => socket.pipe(socket);
/** Replies with the digest of the question after its end. */
const digest: Service = async (socket) => socket.end((await digestOf(questionOf(socket))).sha256);
const download: Service = (socket) => writeAll(socket, big);
/** Resets on the first byte: an earlier reset may look like a refused connection to sshd. */
const reset: Service = (socket) => socket.once("data", () => (socket as Socket).resetAndDestroy());

/** Returns the readable side of a Node `Duplex`. Iterating the `Duplex` itself would destroy it at the end of the question. */
const questionOf = (socket: NodeDuplex): Readable => Readable.from(socket.iterator({ destroyOnReturn: false }));

const services: Server[] = [];
const sockets: Socket[] = [];
/** Listens on a port of this machine, which also runs the server. */
async function serveTcp(service: Service): Promise<ForwardTarget> {
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket.on("error", () => {}));
    service(socket);
  });
  services.push(listener);
  await once(listener.listen(0, "127.0.0.1"), "listening");
  return { host: "127.0.0.1", port: (listener.address() as { port: number }).port };
}
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(services.map((service) => new Promise((resolve) => service.close(resolve))));
});

/** Opens connections as Node streams, or as Web streams converted to Node streams. */
interface Streams {
  dial(target: ForwardTarget): Promise<NodeDuplex>;
  /** Handles connections to a listener on the server. */
  serve(
    address: ListenAddress,
    service: Service,
  ): Promise<{ readonly port: number | undefined; close(): Promise<void> }>;
  close(): Promise<void>;
}

async function nodeClient(): Promise<Streams> {
  const client = await server.connect();
  return {
    dial: (target) => client.dial(target),
    async serve(address, service) {
      const listener = await client.listen(address);
      void (async () => {
        for await (const pair of listener) service(pair);
      })();
      return listener;
    },
    close: () => client.close(),
  };
}

/** Converts a pair of Web streams to a Node `Duplex`. */
function toNode(pair: WebPair): NodeDuplex {
  const duplex = NodeDuplex.from({
    readable: Readable.fromWeb(pair.readable as never),
    writable: Writable.fromWeb(pair.writable),
  });
  duplex.on("error", () => {});
  return duplex;
}

async function webClient(): Promise<Streams> {
  const socket = connectSocket(server.sshd.port, server.sshd.host);
  await once(socket, "connect");
  const [pin] = fingerprintsOf(server.sshd);
  const client: WebClient = await connectOver(socketDuplex(socket), {
    user: "alice",
    identities: [server.key],
    hostKey: ({ fingerprint }) => fingerprint === pin,
  });
  return {
    dial: async (target) => toNode(await client.dial(target)),
    async serve(address, service) {
      const listener = await client.listen(address);
      void (async () => {
        for await (const pair of listener) service(toNode(pair));
      })();
      return listener;
    },
    close: () => client.close(),
  };
}

describe.each([
  ["Node streams", nodeClient],
  ["Web streams", webClient],
])("%s", (_, connectClient) => {
  let client: Streams;
  beforeAll(async () => {
    client = await connectClient();
  });
  afterAll(() => client.close());

  test("dial a port that receives our EOF and then answers", async () => {
    const connection = await client.dial(await serveTcp(digest));
    connection.end("question");
    expect((await connection.toArray()).join("")).toBe(sha256(Buffer.from("question")));
  });

  test("dial a port that ends first and still receives data", async () => {
    let heard: Promise<string> | undefined;
    const target = await serveTcp((socket) => {
      heard = questionOf(socket)
        .toArray()
        .then((chunks) => chunks.join(""));
      socket.end("goodbye");
    });
    const connection = await client.dial(target);
    connection.resume();
    await once(connection, "end");
    connection.end("one more thing");
    await finished(connection);
    expect(await within(20_000, heard!)).toBe("one more thing");
  });

  test("transfer 64 MiB up, down, and in both directions concurrently", async () => {
    const up = await client.dial(await serveTcp(digest));
    const [answer] = await Promise.all([questionOf(up).toArray(), writeAll(up, big)]);
    expect(answer.join("")).toBe(bigDigest.sha256);
    const down = await client.dial(await serveTcp(download));
    expect(await digestOf(down)).toEqual(bigDigest);
    const both = await client.dial(await serveTcp(echo));
    const [echoed] = await Promise.all([digestOf(questionOf(both)), writeAll(both, big)]);
    expect(echoed).toEqual(bigDigest);
  });

  test("listen on a port chosen by the server: half-close, and 64 MiB in each direction", async () => {
    const listener = await client.serve({ port: 0 }, digest);
    expect(listener.port).toBeGreaterThan(0);
    const socket = connectSocket({ port: listener.port!, host: "127.0.0.1", allowHalfOpen: true });
    await writeAll(socket, big);
    expect((await socket.toArray()).join("")).toBe(bigDigest.sha256);
    await listener.close();
    const [error] = await once(connectSocket(listener.port!, "127.0.0.1"), "error");
    expect(error.code).toBe("ECONNREFUSED");

    const other = await client.serve({ port: 0 }, download);
    expect(await digestOf(connectSocket(other.port!, "127.0.0.1"))).toEqual(bigDigest);
    await other.close();
  });

  test("listen on a Unix socket and dial it: half-close, and 64 MiB in both directions concurrently", async () => {
    const path = socketPath();
    const listener = await client.serve({ path }, echo);
    const connection = await client.dial({ path });
    const [echoed] = await Promise.all([digestOf(questionOf(connection)), writeAll(connection, big)]);
    expect(echoed).toEqual(bigDigest);
    await listener.close();
    expect(await failure(client.dial({ path }))).toMatchObject({ code: "forward-unreachable" });
  });

  test("serve 200 concurrent connections to a listener", async () => {
    const listener = await client.serve({ port: 0 }, echo);
    const echoed = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const socket = connectSocket({ port: listener.port!, host: "127.0.0.1", allowHalfOpen: true });
        socket.end(`number ${i}`);
        return (await socket.toArray()).join("");
      }),
    );
    expect(echoed).toEqual(Array.from({ length: 200 }, (_, i) => `number ${i}`));
    await listener.close();
  });

  test("reject with `forward-unreachable` for a closed port and an unknown host name", async () => {
    for (const target of [
      { host: "127.0.0.1", port: await freePort() },
      { host: "no-such-name.invalid", port: 80 },
      { path: socketPath() },
    ])
      expect(await failure(client.dial(target))).toMatchObject({ code: "forward-unreachable", culprit: "peer" });
  });

  test("reject with `forward-denied` for an address in use and a port below 1024, without closing the connection", async () => {
    const target = await serveTcp(echo);
    expect(await failure(client.serve({ host: "127.0.0.1", port: target.port! }, echo))).toMatchObject({
      code: "forward-denied",
    });
    expect(await failure(client.serve({ port: 23 }, echo))).toMatchObject({ code: "forward-denied" });
    const connection = await client.dial(target);
    connection.end("on");
    expect((await questionOf(connection).toArray()).join("")).toBe("on");
  });
});

test("a target that resets its connection ends only that one", async () => {
  await using client = await server.connect();
  const connection = await client.dial(await serveTcp(reset));
  connection.write("?");
  await finished(connection.resume(), { writable: false }).catch(() => {});
  const other = await client.dial(await serveTcp(echo));
  other.end("on");
  expect((await other.toArray()).join("")).toBe("on");
});

test("killing the server fails the connections with the SSH connection's error", async () => {
  await using client = await server.connect();
  const connection = await client.dial(await serveTcp(() => {}));
  const reading = failure(connection.toArray());
  const listener = await client.listen({ port: 0 });
  const taking = failure(listener[Symbol.asyncIterator]().next());
  await server.sshd.killSessions();
  expect((await within(20_000, reading)).code).toBe((await client.ended).code);
  expect((await within(20_000, taking)).code).toBe((await client.ended).code);
});

describe("a server that prohibits", () => {
  describe.each([
    ["all forwarding", ["AllowTcpForwarding no", "AllowStreamLocalForwarding no"]],
    ["all but one target", ["PermitOpen 192.0.2.1:80", "PermitListen 192.0.2.1:80", "AllowStreamLocalForwarding no"]],
    ["incoming connections", ["AllowTcpForwarding remote", "AllowStreamLocalForwarding remote"]],
  ])("%s", (title, config) => {
    const strict = useServer({ config });

    test("makes dial and listen reject, and still runs commands", async () => {
      await using client = await strict.connect();
      expect(await failure(client.dial(await serveTcp(echo)))).toMatchObject({ code: "forward-denied" });
      // OpenSSH reports a prohibited Unix socket as a failure to connect.
      expect(await failure(client.dial({ path: "/run/nacre" }))).toMatchObject({ code: "forward-unreachable" });
      if (title !== "incoming connections")
        expect(await failure(client.listen({ port: 0 }))).toMatchObject({ code: "forward-denied" });
      expect((await client.exec("echo on")).stdout).toBe("on\n");
    });
  });
});
