import { memoryFileSystem } from "@nacre/files/server";
import { SSH_FXF } from "@nacre/sftp";
import { concatBytes, equalBytes } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { RawClient } from "./raw-client.ts";
import { openServed, withMethods } from "./support.ts";

const MEBIBYTE = 1024 * 1024;
const CREATE = SSH_FXF.READ | SSH_FXF.WRITE | SSH_FXF.CREAT;

describe("the bytes of a long file", () => {
  it("are released when they are written, and not before", async () => {
    const memory = memoryFileSystem();
    const writing = new Set<Uint8Array>();
    let received = 0;
    let written = 0;
    let early = 0;
    const fileSystem = withMethods(memory, {
      open: async (...args) => {
        const file = await memory.open(...args);
        const write = file.write.bind(file);
        return Object.assign(file, {
          write: async (offset: number, data: Uint8Array) => {
            writing.add(data);
            await new Promise((resolve) => setTimeout(resolve));
            await write(offset, data.slice());
            writing.delete(data);
            written += data.length;
          },
        });
      },
      releaseBytes: (bytes) => {
        if (writing.has(bytes) || bytes.length === 0) early++;
        received += bytes.length;
        // Detaches the whole buffer, with anything else that is in it.
        structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] });
      },
    });
    const { sftp } = await openServed(fileSystem);
    const content = Uint8Array.from({ length: 2 * MEBIBYTE }, (_, index) => index % 251);
    await sftp.writeFile("f", content);
    expect(equalBytes(await sftp.readFile("f"), content)).toBe(true);
    expect([early, written]).toEqual([0, content.length]);
    // Both the received chunks and the data of the writes.
    expect(received).toBeGreaterThan(1.9 * content.length);
  });

  it("are released when a write fails", async () => {
    const memory = memoryFileSystem();
    const released: number[] = [];
    const fileSystem = withMethods(memory, {
      open: async (...args) =>
        Object.assign(await memory.open(...args), { write: () => Promise.reject(new Error("no disk")) }),
      releaseBytes: (bytes) => released.push(bytes.length),
    });
    const client = await RawClient.start(fileSystem);
    const handle = await client.open("f", CREATE);
    const answer = await client.request({ type: "write", handle, offset: 0, data: new Uint8Array(5000) });
    expect(answer).toMatchObject({ type: "status" });
    expect(released).toContain(5000);
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
