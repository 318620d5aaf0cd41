import { once } from "node:events";
import { SSH_FX } from "@nacre/sftp";
import type { MemorySftp } from "@nacre/testing/nacre/memory-sftp";
import { uncaught } from "@nacre/testing/nacre/outcomes";
import { describe, expect, it } from "vitest";
import { contentsOf, later, make, type Opened, open, pattern } from "./support.ts";

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

const handles = ({ opens, closes, files }: MemorySftp): readonly number[] => [opens, closes, files.opened.size];

describe("a read stream whose listener throws", () => {
  it.each(["open", "ready"])("reads to the end after %j", async (event) => {
    const caught = uncaught();
    const { sftp, server } = await open();
    make(server, "file", pattern(100));
    const stream = sftp.createReadStream("file").on(event, fail);
    // Registered before `_read` is called, which waits for the file.
    const chunks: Buffer[] = [];
    stream.on("data", (chunk) => chunks.push(chunk));
    await once(stream, "close");
    expect(Buffer.concat(chunks).equals(pattern(100))).toBe(true);
    expect(caught).toEqual([THROWN]);
    expect(handles(server)).toEqual([1, 1, 0]);
  });

  it("emits ready after open", async () => {
    const caught = uncaught();
    const { sftp, server } = await open();
    make(server, "file", pattern(100));
    const stream = sftp.createReadStream("file").on("open", fail);
    await once(stream, "ready");
    stream.destroy();
    await once(stream, "close");
    expect(caught).toEqual([THROWN]);
  });

  it("closes its file if it is destroyed while it is opened", async () => {
    const caught = uncaught();
    const { sftp, server } = await open();
    make(server, "file", pattern(100));
    const stream = sftp.createReadStream("file").on("open", fail);
    stream.destroy();
    await once(stream, "close");
    expect(caught).toEqual([THROWN]);
    expect(handles(server)).toEqual([1, 1, 0]);
  });

  it("passes on the rest after data, also of a file larger than what is read ahead", async () => {
    const caught = uncaught();
    const { sftp, server } = await open();
    make(server, "file", new Uint8Array(LENGTH));
    let length = 0;
    const stream = sftp.createReadStream("file");
    stream.on("data", (chunk) => {
      length += chunk.length;
      throw THROWN;
    });
    await once(stream, "close");
    expect(length).toBe(LENGTH);
    expect(caught.length).toBeGreaterThan(10);
    expect(handles(server)).toEqual([1, 1, 0]);
  });

  it.each([true, false])("closes its file after an error (listener: %s)", async (hasListener) => {
    const caught = uncaught();
    const { sftp, server } = await refusing("read");
    make(server, "file", pattern(100));
    const stream = sftp.createReadStream("file");
    if (hasListener) stream.on("error", fail);
    stream.resume();
    await new Promise((resolve) => stream.on("close", resolve));
    expect(caught).toEqual([hasListener ? THROWN : expect.objectContaining({ message: "disk" })]);
    expect(handles(server)).toEqual([1, 1, 0]);
  });
});

describe("a write stream whose listener throws", () => {
  it.each(["open", "ready"])("writes everything after %j", async (event) => {
    const caught = uncaught();
    const { sftp, server } = await open();
    const stream = sftp.createWriteStream("file").on(event, fail);
    stream.write(pattern(50_000));
    stream.end(pattern(50_000));
    await once(stream, "close");
    expect(stream.writableFinished).toBe(true);
    expect(contentsOf(server, "file").length).toBe(100_000);
    expect(caught).toEqual([THROWN]);
    expect(handles(server)).toEqual([1, 1, 0]);
  });

  it("emits ready after drain", async () => {
    const caught = uncaught();
    const { sftp, server } = await open();
    const stream = sftp.createWriteStream("file").on("drain", fail);
    expect(stream.write(pattern(50_000))).toBe(false);
    await once(stream, "ready");
    stream.end();
    await once(stream, "close");
    expect(contentsOf(server, "file").length).toBe(50_000);
    expect(caught).toEqual([THROWN]);
  });

  it("ends an empty file after open, and emits ready", async () => {
    const caught = uncaught();
    const { sftp, server } = await open();
    const events: string[] = [];
    const stream = sftp.createWriteStream("file").on("open", fail);
    for (const event of ["ready", "finish"]) stream.on(event, () => events.push(event));
    stream.end();
    await once(stream, "close");
    expect(events).toEqual(["ready", "finish"]);
    expect(caught).toEqual([THROWN]);
    expect(handles(server)).toEqual([1, 1, 0]);
  });

  it.each(["written", "destroyed"])("calls back every write, also if a callback throws (%s)", async (end) => {
    const caught = uncaught();
    const answers: (() => void)[] = [];
    const { sftp, server } = await open({
      answer: ({ request, token }, machine) => {
        // The first write waits. The bytes of the others follow in one request.
        if (request.type !== "write" || answers.length > 0) return false;
        answers.push(() => machine.status(token, SSH_FX.OK, ""));
        return true;
      },
    });
    const stream = sftp.createWriteStream("file");
    const called: number[] = [];
    for (const write of [1, 2, 3])
      stream.write("abc", () => {
        called.push(write);
        throw THROWN;
      });
    await once(stream, "ready");
    while (answers.length === 0) await later();
    expect(called).toEqual([]);
    const closed = once(stream, "close");
    if (end === "destroyed") stream.destroy();
    else stream.end();
    answers[0]!();
    server.flush();
    await closed;
    // Node's stream fails buffered writes in the next tick.
    await later();
    expect(called).toEqual([1, 2, 3]);
    expect(caught).toEqual([THROWN, THROWN, THROWN]);
  });

  it.each([true, false])("closes its file after an error (listener: %s)", async (hasListener) => {
    const caught = uncaught();
    const { sftp, server } = await refusing("write");
    const stream = sftp.createWriteStream("file");
    if (hasListener) stream.on("error", fail);
    stream.write("abc");
    await new Promise((resolve) => stream.on("close", resolve));
    expect(caught).toEqual([hasListener ? THROWN : expect.objectContaining({ message: "disk" })]);
    expect(handles(server)).toEqual([1, 1, 0]);
  });
});
