import { BlockReader, BlockWriter, SftpDriver } from "@nacre/files/blocks";
import { encodeReply, SSH_FX } from "@nacre/sftp";
import { MemorySftp, type MemorySftpOptions } from "@nacre/testing/nacre/memory-sftp";
import type { Channel } from "nacre";
import { expect, it } from "vitest";
import { isSame, pattern } from "./support.ts";

/** A driver of a program: it gets the channel's events itself. */
class Driver extends SftpDriver {
  onceReady: () => void = () => {};
  endedWith: unknown;

  protected override onReady(): void {
    this.onceReady();
  }

  protected override onClosed(error: unknown): void {
    this.endedWith = error;
  }

  start(): void {
    this.write();
  }
}

/** Runs a driver over a new server in memory, whose subsystem has started. */
async function openDriver(options: MemorySftpOptions = {}): Promise<{ driver: Driver; server: MemorySftp }> {
  const server = new MemorySftp(options);
  const channel: Channel = await server.openChannel();
  const driver = new Driver(channel, {});
  channel.handler = {
    data: (_, bytes) => driver.receive(bytes),
    writable: () => driver.writable(),
    eof: () => driver.end(),
    request() {},
    closed: ({ error }) => driver.end(error),
  };
  await new Promise<void>((resolve) => {
    driver.onceReady = resolve;
    driver.start();
  });
  return { driver, server };
}

const handleOf = (driver: Driver, flags: number): Promise<Uint8Array<ArrayBuffer>> =>
  new Promise((resolve) => {
    const path = new TextEncoder().encode("file");
    driver.request(
      { type: "open", path, flags, attributes: {} },
      { answered: (answer) => answer.type === "handle" && resolve(answer.handle) },
    );
  });

it.each([
  [{ maxBlocks: 3, maxBlockLength: 999 }, [3, 999]],
  [{ maxBytes: 5000, maxBlockLength: 999 }, [5, 999]],
])("reads within the limits %j that the program chose", async (limits, expected) => {
  let longest = 0;
  let most = 0;
  const { driver, server } = await openDriver({
    answer: ({ request }, machine) => {
      if (request.type !== "read") return false;
      longest = Math.max(longest, request.length);
      most = Math.max(most, machine.requestCount);
      return false;
    },
  });
  server.files.open("/home/file", 0x0a, 0o644).data = pattern(100_000);
  const handle = await handleOf(driver, 1);
  const pieces: Uint8Array[] = [];
  await new Promise<void>((resolve, reject) => {
    const sink = {
      block(added: readonly Uint8Array[], length: number) {
        pieces.push(...added);
        reader.consumed(length);
      },
      end: resolve,
      failed: reject,
    };
    const range = { end: 100_000, size: 100_000 };
    const reader = new BlockReader(driver, { handle, path: "file" }, sink, range, limits);
    reader.start();
  });
  expect([most, longest]).toEqual(expected);
  expect(isSame(Buffer.concat(pieces), pattern(100_000))).toBe(true);
});

it("reports the position up to which everything is written, in any order of the replies", async () => {
  const { driver, server } = await openDriver({ answer: ({ request }) => request.type === "write" });
  const handle = await handleOf(driver, 0x0a);
  const reached: number[] = [];
  const source = { room() {}, failed() {}, written: () => reached.push(writer.written) };
  const writer = new BlockWriter(driver, { handle, path: "file" }, source, 5, false, { maxBlockLength: 32_768 });
  expect(writer.write(new Uint8Array(3 * 32_768))).toBe(3 * 32_768);
  expect(writer.written).toBe(5);
  // The first one has the place of the request that opened the file, which has the place of that for the limits.
  for (const id of [1, 0x2_0000, 2]) {
    const packet = encodeReply(id, { type: "status", status: SSH_FX.OK, message: "", languageTag: "" });
    server.send(Uint8Array.of(0, 0, 0, packet.length, ...packet));
  }
  expect(reached).toEqual([5, 5 + 2 * 32_768, 5 + 3 * 32_768]);
});

it("ends with the channel, and notifies its owner", async () => {
  const { driver, server } = await openDriver();
  server.sendEof();
  expect(driver.over).toMatchObject({ code: "channel-closed" });
  expect(driver.endedWith).toBe(driver.over);
  expect(driver.makeRoom()).toBe(false);
});
