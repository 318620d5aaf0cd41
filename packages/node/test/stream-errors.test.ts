import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { openSftp } from "@nacre/files";
import { SSH_FXF } from "@nacre/sftp";
import { macrotask } from "@nacre/testing/macrotask";
import { FakeChannel, LOST } from "@nacre/testing/nacre/fake-channel";
import { MemorySftp } from "@nacre/testing/nacre/memory-sftp";
import { failure, uncaught } from "@nacre/testing/nacre/outcomes";
import { SshError, utf8Encode } from "@nacre/wire";
import type { Channel } from "nacre";
import { channelPair } from "nacre/extend";
import { describe, expect, test, vi } from "vitest";
import type { Sftp } from "../src/connect/sftp.ts";
import { nodeStreams } from "../src/streams/node-streams.ts";

// Streams of files and of dialled connections fail as those of node:fs and node:net do. Those of processes are in process-errors.test.ts.

const CLOSED = new SshError("closed", "the connection was closed by this side");

/** A source that never ends. */
const endless = (): Readable => new Readable({ read() {} });

/** Opens SFTP on a server that answers no reads and writes. */
async function open(): Promise<{ server: MemorySftp; sftp: Sftp; thrown: unknown[] }> {
  const server = new MemorySftp({ answer: ({ request }) => request.type === "read" || request.type === "write" });
  return { server, sftp: await openSftp(server, nodeStreams), thrown: uncaught() };
}

describe("a stream of a file", () => {
  test.each([
    ["read", (sftp: Sftp) => sftp.createReadStream("missing").pipe(new PassThrough())],
    ["written", (sftp: Sftp) => Readable.from(["some"]).pipe(sftp.createWriteStream("missing/file"))],
  ])("that is %s by a pipe and cannot be opened is an uncaught exception", async (_, copy) => {
    const { sftp, thrown } = await open();
    copy(sftp);
    await vi.waitUntil(() => thrown.length > 0, { timeout: 10_000 });
    await macrotask();
    expect(thrown).toEqual([expect.objectContaining({ code: "sftp-no-such-file" })]);
  });

  test.each([
    ["read", LOST, (sftp: Sftp) => sftp.createReadStream("file").pipe(new PassThrough())],
    ["written", LOST, (sftp: Sftp) => Readable.from(["some"]).pipe(sftp.createWriteStream("copy"))],
    ["read", CLOSED, (sftp: Sftp) => sftp.createReadStream("file").pipe(new PassThrough())],
    ["written", CLOSED, (sftp: Sftp) => Readable.from(["some"]).pipe(sftp.createWriteStream("copy"))],
  ])("that is %s by a pipe when the connection ends is an uncaught exception: %s", async (_, error, copy) => {
    const { server, sftp, thrown } = await open();
    server.files.open("/home/file", SSH_FXF.CREAT).data = utf8Encode("some");
    copy(sftp);
    await macrotask();
    server.lose(error);
    await vi.waitUntil(() => thrown.length > 0, { timeout: 10_000 });
    await macrotask();
    expect(thrown).toEqual([error]);
  });

  test("reports its error to a pipeline, and nowhere else", async () => {
    const { server, sftp, thrown } = await open();
    const copied = failure(pipeline(Readable.from(["some"]), sftp.createWriteStream("copy")));
    await macrotask();
    server.lose(LOST);
    expect(await copied).toBe(LOST);
    await macrotask();
    expect(thrown).toEqual([]);
  });
});

function dialled() {
  const channel = new FakeChannel();
  const pair = channelPair(channel as unknown as Channel, nodeStreams);
  channel.handler.data(0, utf8Encode("half"));
  return { channel, pair, thrown: uncaught() };
}

type Pair = ReturnType<typeof dialled>["pair"];

describe("a dialled connection", () => {
  test.each([
    ["reads", (pair: Pair) => void pair.pipe(new PassThrough())],
    ["writes", (pair: Pair) => void pair.write("more than the channel takes")],
    ["is piped into", (pair: Pair) => void endless().pipe(pair.resume())],
    ["reads and writes", (pair: Pair) => void endless().pipe(pair).pipe(new PassThrough())],
    ["does nothing but read what has come", (pair: Pair) => void pair.read()],
  ])("that %s when the connection breaks is an uncaught exception", async (_, use) => {
    const { channel, pair, thrown } = dialled();
    channel.room = 0;
    use(pair);
    await macrotask();
    channel.finish(LOST);
    await macrotask();
    expect(thrown).toEqual([LOST]);
  });

  test.each([
    ["reads to the end", (pair: Pair) => void pair.pipe(new PassThrough())],
    ["is piped into", (pair: Pair) => void endless().pipe(pair.resume())],
    ["has a write that waits", (pair: Pair) => void pair.resume().write("more than the channel takes")],
  ])("that %s when the program closes the SSH connection is an uncaught exception", async (_, use) => {
    const { channel, pair, thrown } = dialled();
    channel.room = 0;
    use(pair);
    await macrotask();
    channel.finish(CLOSED);
    await macrotask();
    expect(thrown).toEqual([CLOSED]);
  });

  test("that waits for nothing when the program closes the SSH connection throws no exception", async () => {
    const { channel, pair, thrown } = dialled();
    pair.write("question");
    pair.on("data", () => {});
    await macrotask();
    channel.finish(CLOSED);
    await macrotask();
    expect([pair.errored, thrown]).toEqual([CLOSED, []]);
  });

  test("reports its error to a listener, and nowhere else", async () => {
    const { channel, pair, thrown } = dialled();
    const heard: unknown[] = [];
    pair.on("error", (error) => heard.push(error)).resume();
    await macrotask();
    channel.finish(LOST);
    await macrotask();
    expect([heard, thrown]).toEqual([[LOST], []]);
  });
});
