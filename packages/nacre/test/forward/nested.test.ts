import { failure } from "@nacre/testing/nacre/outcomes";
import { open, visitor, wire } from "@nacre/testing/nacre/wire";
import { SshError } from "@nacre/wire";
import {
  type ByteStreams,
  type Client,
  connect,
  connectDuplex,
  type ServerConnection,
  Session,
  serve,
  serveDuplex,
} from "nacre";
import { describe, expect, it } from "vitest";
import { channelDuplex } from "../../src/forward/channel-duplex.ts";
import { channelPair } from "../../src/forward/channel-pair.ts";
import { encodeTarget } from "../../src/forward/target.ts";
import { webStreams } from "../../src/streams/web-streams.ts";

// A whole SSH connection through a forwarded connection of another.

const MIB = 1024 * 1024;
const TARGET = { host: "inner", port: 22 };

type Way = "a pair of streams" | "a duplex";

interface Nested {
  readonly outer: Client;
  readonly inner: Client;
  readonly servers: readonly ServerConnection[];
}

/** Sends back what a command is given. */
const session = async ({ stdin, stdout }: Session): Promise<void> => stdin.pipeTo(stdout);

/** Serves a client whose forwarded connections all lead to a server that echoes what it is sent. */
function serveOuter(streams: ByteStreams, way: Way, servers: ServerConnection[]): void {
  servers.push(
    serve(streams, {
      ...open,
      authenticate: () => ({ permissions: { channels: ["direct-tcpip"] } }),
      channels: {
        "direct-tcpip"(request) {
          const channel = request.accept()!;
          if (way === "a duplex")
            servers.push(serveDuplex(channelDuplex(channel), { ...open, session }, (...made) => new Session(...made)));
          else servers.push(serve(channelPair(channel, webStreams), { ...open, session }));
        },
      },
    }),
  );
}

async function connectInner(outer: Client, way: Way): Promise<Client> {
  if (way === "a pair of streams") return connect(await outer.dial(TARGET), visitor);
  const { channelType, data } = encodeTarget(TARGET);
  return connectDuplex(channelDuplex(await outer.openChannel(channelType, data)), visitor);
}

async function nested(way: Way, streams = wire()): Promise<Nested> {
  const servers: ServerConnection[] = [];
  serveOuter(streams.far, way, servers);
  const outer = await connect(streams.near, visitor);
  return { outer, inner: await connectInner(outer, way), servers };
}

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

/** A wire that breaks when the client has received so many bytes. */
function breakingWire(after: number): { near: ByteStreams; far: ByteStreams; received: () => number } {
  const { near, far } = wire();
  let received = 0;
  const counted = near.readable.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        const rest = chunk.subarray(0, after - received);
        received += chunk.length;
        if (rest.length > 0) controller.enqueue(rest);
        if (received >= after) controller.error(new Error("unplugged"));
      },
    }),
  );
  return { near: { ...near, readable: counted }, far, received: () => received };
}

/** What an inner connection comes to when the outer one breaks after so many bytes, and how many there were. */
async function run(way: Way, after: number): Promise<{ readonly end: unknown; readonly received: number }> {
  const before = timers();
  const streams = breakingWire(after);
  const servers: ServerConnection[] = [];
  serveOuter(streams.far, way, servers);
  const outer = await failure(connect(streams.near, visitor));
  let end: unknown = outer;
  if (!(outer instanceof SshError)) {
    const client = outer as Client;
    const inner = await failure(connectInner(client, way));
    end = inner;
    if (!(inner instanceof SshError)) {
      const work = await failure((inner as Client).exec("", { input: "x".repeat(500) }));
      if (after === Infinity) await client.close();
      end = [work, await (inner as Client).ended];
    }
    await client.ended;
  }
  await Promise.all(servers.map(({ ended }) => ended));
  // A timer of an earlier test may have ended meanwhile.
  expect(timers()).toBeLessThanOrEqual(before);
  return { end, received: streams.received() };
}

describe.each<Way>(["a pair of streams", "a duplex"])("an SSH connection over %s", (way) => {
  it("carries bulk both ways while both connections exchange keys", async () => {
    const { outer, inner } = await nested(way);
    const data = Uint8Array.from({ length: 3 * MIB }, (_, i) => (i * 7) ^ (i >> 8));
    const echoing = inner.exec("", { input: data, encoding: "bytes" });
    outer.rekey();
    inner.rekey();
    const { stdout } = await echoing;
    expect(Buffer.compare(stdout, data)).toBe(0);
    outer.rekey();
    inner.rekey();
    expect((await inner.exec("", { input: "after" })).stdout).toBe("after");
    await inner.close();
    // The outer connection goes on.
    const other = await connectInner(outer, way);
    expect((await other.exec("", { input: "again" })).stdout).toBe("again");
    await outer.close();
    expect(await other.ended).toBeInstanceOf(SshError);
  });

  it("ends on both sides when either closes it, and the outer one goes on", async () => {
    const { outer, inner, servers } = await nested(way);
    await inner.close();
    expect(await servers[1]!.ended).toMatchObject({ code: "disconnected" });
    const second = await connectInner(outer, way);
    await servers[2]!.close();
    expect(await second.ended).toMatchObject({ code: "disconnected" });
    await outer.close();
  });

  it("ends with an error and leaves nothing behind, wherever the outer connection breaks", {
    timeout: 60_000,
  }, async () => {
    const { received: all, end } = await run(way, Infinity);
    expect(end).toEqual([expect.objectContaining({ stdout: "x".repeat(500) }), expect.any(SshError)]);
    for (let i = 0; i < 24; i++) {
      // From the first byte to the last, and none of them on the same place of a packet.
      const { end } = await run(way, 1 + Math.floor((i * (all - 200)) / 24));
      for (const error of [end].flat()) expect(error).toBeInstanceOf(SshError);
    }
  });
});
