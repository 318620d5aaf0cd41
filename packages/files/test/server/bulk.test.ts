import { memoryFileSystem } from "@nacre/files/server";
import { SSH_FXF } from "@nacre/sftp";
import { concatBytes, equalBytes } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { RawClient } from "./raw-client.ts";
import { openServed, withMethods } from "./support.ts";

const MEBIBYTE = 1024 * 1024;
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
