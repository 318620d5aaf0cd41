import type { Readable, Writable } from "node:stream";
import { SSH_FX } from "@nacre/sftp";
import { uncaught } from "@nacre/testing/nacre/outcomes";
import { describe, expect, it } from "vitest";
import { later, make, type Opened, open, pattern } from "./support.ts";

const THROWN = new Error("a listener threw");

/** More than is read ahead, in bytes. */
const LENGTH = 24 * 1024 * 1024;

const fail = (): never => {
  throw THROWN;
};

/** Opens SFTP to a server that refuses requests of this type. */
function refusing(type: "read" | "write"): Promise<Opened> {
  return open({
    answer: ({ request, token }, machine) => {
      if (request.type !== type) return false;
      machine.status(token, SSH_FX.FAILURE, "disk");
      return true;
    },
  });
}

/** Resolves when the stream has closed, and everything that follows has run. */
async function closed(stream: Readable | Writable): Promise<void> {
  await new Promise((resolve) => stream.on("close", resolve));
  for (let round = 0; round < 3; round++) await later();
}

describe("a read stream whose listener throws", () => {
  it.each(["open", "ready", "data"])(
    "ends the connection in %j, and closes without an error of its own",
    async (event) => {
      const { sftp, server, thrown } = await open();
      const caught = uncaught();
      make(server, "file", new Uint8Array(LENGTH));
      let calls = 0;
      const stream = sftp.createReadStream("file").on(event, () => {
        calls++;
        fail();
      });
      if (event !== "data") stream.resume();
      await closed(stream);
      expect([calls, thrown, caught]).toEqual([1, [THROWN], []]);
    },
  );

  it.each([true, false])("ends the connection in an error (listener: %s)", async (hasListener) => {
    const { sftp, server, thrown } = await refusing("read");
    const caught = uncaught();
    make(server, "file", pattern(100));
    const stream = sftp.createReadStream("file");
    if (hasListener) stream.on("error", fail);
    stream.resume();
    await closed(stream);
    expect(thrown).toEqual([hasListener ? THROWN : expect.objectContaining({ message: "disk" })]);
    expect(caught).toEqual([]);
  });
});

describe("a write stream whose listener throws", () => {
  it.each(["open", "ready", "drain"])(
    "ends the connection in %j, and closes without an error of its own",
    async (event) => {
      const { sftp, thrown } = await open();
      const caught = uncaught();
      const stream = sftp.createWriteStream("file").on(event, fail);
      stream.write(pattern(50_000));
      await closed(stream);
      expect([thrown, caught]).toEqual([[THROWN], []]);
    },
  );

  it("calls back every write, also if a callback throws", async () => {
    const { sftp, thrown } = await open();
    const stream = sftp.createWriteStream("file");
    const called: [write: number, hasFailed: boolean][] = [];
    for (const write of [1, 2, 3])
      stream.write("abc", (error) => {
        called.push([write, Boolean(error)]);
        if (write === 1) fail();
      });
    await closed(stream);
    expect(called).toEqual([1, 2, 3].map((write) => [write, expect.any(Boolean)]));
    expect(thrown).toEqual([THROWN]);
  });

  it.each([true, false])("ends the connection in an error (listener: %s)", async (hasListener) => {
    const { sftp, thrown } = await refusing("write");
    const caught = uncaught();
    const stream = sftp.createWriteStream("file");
    if (hasListener) stream.on("error", fail);
    stream.write("abc");
    await closed(stream);
    expect(thrown).toEqual([hasListener ? THROWN : expect.objectContaining({ message: "disk" })]);
    expect(caught).toEqual([]);
  });
});
