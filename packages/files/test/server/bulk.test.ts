import { memoryFileSystem } from "@nacre/files/server";
import { SSH_FXF } from "@nacre/sftp";
import { concatBytes, equalBytes } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { RawClient } from "./raw-client.ts";
import { openServed, withMethods } from "./support.ts";

const MEBIBYTE = 1024 * 1024;
const OPEN = { read: false, write: false, append: false, create: false, truncate: false, exclusive: false };
const CREATE = SSH_FXF.READ | SSH_FXF.WRITE | SSH_FXF.CREAT;

describe("the bytes of a long file", () => {
  it("stay as they are in a file that keeps the array of each write", async () => {
    const memory = memoryFileSystem();
    const kept: (readonly [offset: number, data: Uint8Array])[] = [];
    const fileSystem = withMethods(memory, {
      open: async (...args) =>
        Object.assign(await memory.open(...args), {
          write: async (offset: number, data: Uint8Array) => void kept.push([offset, data]),
        }),
    });
    const { sftp } = await openServed(fileSystem);
    const content = Uint8Array.from({ length: 2 * MEBIBYTE }, (_, index) => index % 251);
    await sftp.writeFile("f", content);
    const found = new Uint8Array(content.length);
    for (const [offset, data] of kept) found.set(data, offset);
    expect(equalBytes(found, content)).toBe(true);
  });

  it("are freed as received once the server has parsed them, and not before", async () => {
    const memory = memoryFileSystem();
    const client = await RawClient.start(memory);
    const handle = await client.open("f", CREATE);
    const content = Uint8Array.from({ length: 100_000 }, (_, index) => index % 251);
    const answer = new Promise((resolve) =>
      client.machine.request({ type: "write", handle, offset: 0, data: content }, resolve),
    );
    const packet = client.machine.unsent.slice();
    client.machine.sent(packet.length);
    const chunks = [0, 40_000, 80_000].map((start) => packet.slice(start, start + 40_000));
    const lengths = chunks.map((chunk) => {
      client.give(chunk);
      return chunks.map(({ length }) => length);
    });
    // No chunk before the packet ends, then each.
    expect(lengths).toEqual([
      [40_000, 40_000, packet.length - 80_000],
      [40_000, 40_000, packet.length - 80_000],
      [0, 0, 0],
    ]);
    expect(await answer).toMatchObject({ type: "status", status: 0 });
    const file = await memory.open("f", { ...OPEN, read: true }, {});
    expect(equalBytes(await file.read(0, content.length), content)).toBe(true);
    client.close();
    await client.ended;
  });

  it("are read no faster than the client takes them, when the file answers at once", async () => {
    const memory = memoryFileSystem();
    const block = new Uint8Array(200 * 1024).fill(7);
    let reads = 0;
    const fileSystem = withMethods(memory, {
      open: async (...args) =>
        Object.assign(await memory.open(...args), {
          readNow: () => {
            reads++;
            return block;
          },
        }),
    });
    const client = await RawClient.start(fileSystem, { limits: { maxUnsent: MEBIBYTE } });
    const handle = await client.open("f", CREATE);
    client.room = 0;
    const answers = Array.from({ length: 20 }, (_, index) =>
      client.request({ type: "read", handle, offset: index * block.length, length: block.length }),
    );
    // The replies that fit into 1 MiB, and one more.
    await expect.poll(() => reads, { timeout: 10_000 }).toBe(6);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(reads).toBe(6);
    client.makeRoom(Number.POSITIVE_INFINITY);
    for (const answer of await Promise.all(answers))
      expect(answer.type === "data" && equalBytes(concatBytes(...answer.pieces), block)).toBe(true);
    expect(reads).toBe(20);
    client.close();
    await client.ended;
  });
});
