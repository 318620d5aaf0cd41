import { failure } from "@nacre/testing/nacre/outcomes";
import { open, visitor, wire } from "@nacre/testing/nacre/wire";
import { equalBytes, SshError } from "@nacre/wire";
import { type ByteStreams, type Client, connect, type ServerConnection, type Session, serve } from "nacre";
import { describe, expect, it } from "vitest";
import { webStreams } from "../../src/streams/web-streams.ts";
import { channelDuplex } from "../../src/users/forward/channel-duplex.ts";
import { channelPair } from "../../src/users/forward/channel-pair.ts";
import { encodeTarget } from "../../src/users/forward/target.ts";

// An SSH connection through a forwarded connection of another SSH connection.

const MIB = 1024 * 1024;
const TARGET = { host: "inner", port: 22 };

type Carrier = "a pair of streams" | "a duplex";

interface Nested {
  readonly outer: Client;
  readonly inner: Client;
  readonly servers: readonly ServerConnection[];
}

/** Session handler that echoes its input. */
const session = async ({ stdin, stdout }: Session): Promise<void> => stdin.pipeTo(stdout);

/** Serves a client. Its forwarded connections all lead to an inner server that echoes input. */
function serveOuter(streams: ByteStreams, carrier: Carrier, servers: ServerConnection[]): void {
  servers.push(
    serve(streams, {
      ...open,
      authenticate: () => ({ permissions: { channels: ["direct-tcpip"] } }),
      channels: {
        "direct-tcpip"(request) {
          const channel = request.accept()!;
          if (carrier === "a duplex") servers.push(serve(channelDuplex(channel), { ...open, session }));
          else servers.push(serve(channelPair(channel, webStreams), { ...open, session }));
        },
      },
    }),
  );
}

async function connectInner(outer: Client, carrier: Carrier): Promise<Client> {
  if (carrier === "a pair of streams") return connect(await outer.dial(TARGET), visitor);
  const { channelType, data } = encodeTarget(TARGET);
  return connect(channelDuplex(await outer.openChannel(channelType, data)), visitor);
}

async function nested(carrier: Carrier, streams = wire()): Promise<Nested> {
  const servers: ServerConnection[] = [];
  serveOuter(streams.far, carrier, servers);
  const outer = await connect(streams.near, visitor);
  return { outer, inner: await connectInner(outer, carrier), servers };
}

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

/** Makes a wire that breaks after the client has received `after` bytes. */
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

/** Breaks the outer connection after `after` bytes. Returns the outcome of the inner one and the number of bytes received. */
async function run(carrier: Carrier, after: number): Promise<{ readonly end: unknown; readonly received: number }> {
  const before = timers();
  const streams = breakingWire(after);
  const servers: ServerConnection[] = [];
  serveOuter(streams.far, carrier, servers);
  const outer = await failure(connect(streams.near, visitor));
  let end: unknown = outer;
  if (!(outer instanceof SshError)) {
    const client = outer as Client;
    const inner = await failure(connectInner(client, carrier));
    end = inner;
    if (!(inner instanceof SshError)) {
      const work = await failure((inner as Client).exec("", { input: "x".repeat(500) }));
      if (after === Infinity) await client.close();
      end = [work, await (inner as Client).ended];
    }
    await client.ended;
  }
  await Promise.all(servers.map(({ ended }) => ended));
  // A timer of an earlier test may have ended in the meantime.
  expect(timers()).toBeLessThanOrEqual(before);
  return { end, received: streams.received() };
}

describe.each<Carrier>(["a pair of streams", "a duplex"])("an SSH connection over %s", (carrier) => {
  it("carries bulk data in both directions while both connections rekey", async () => {
    const { outer, inner } = await nested(carrier);
    const data = Uint8Array.from({ length: 3 * MIB }, (_, i) => (i * 7) ^ (i >> 8));
    const echoing = inner.exec("", { input: data, encoding: "bytes" });
    outer.rekey();
    inner.rekey();
    const { stdout } = await echoing;
    expect(equalBytes(stdout, data)).toBe(true);
    outer.rekey();
    inner.rekey();
    expect((await inner.exec("", { input: "after" })).stdout).toBe("after");
    await inner.close();
    // The outer connection stays open.
    const other = await connectInner(outer, carrier);
    expect((await other.exec("", { input: "again" })).stdout).toBe("again");
    await outer.close();
    expect(await other.ended).toBeInstanceOf(SshError);
  });

  it("ends on both sides when either closes it, and the outer connection stays open", async () => {
    const { outer, inner, servers } = await nested(carrier);
    await inner.close();
    expect(await servers[1]!.ended).toMatchObject({ code: "disconnected" });
    const second = await connectInner(outer, carrier);
    await servers[2]!.close();
    expect(await second.ended).toMatchObject({ code: "disconnected" });
    await outer.close();
  });

  it("can be ended by the client, which leaves the outer connection open", async () => {
    const { outer, inner, servers } = await nested(carrier);
    await inner.end();
    expect(await inner.ended).toMatchObject({ code: "closed" });
    expect(await servers[1]!.ended).toMatchObject({ code: "disconnected" });
    const second = await connectInner(outer, carrier);
    expect((await second.exec("", { input: "again" })).stdout).toBe("again");
    await second.end();
    await outer.end();
    expect(await outer.ended).toMatchObject({ code: "closed" });
  });

  it("ends with an error and releases everything if the outer connection breaks at any byte", {
    timeout: 60_000,
  }, async () => {
    const { received: all, end } = await run(carrier, Infinity);
    expect(end).toEqual([expect.objectContaining({ stdout: "x".repeat(500) }), expect.any(SshError)]);
    for (let i = 0; i < 24; i++) {
      // Cut points from the first byte to the last, at different offsets within a packet.
      const { end } = await run(carrier, 1 + Math.floor((i * (all - 200)) / 24));
      for (const error of [end].flat()) expect(error).toBeInstanceOf(SshError);
    }
  });
});
