import { once } from "node:events";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { SSH_FX } from "@nacre/sftp";
import { SshError } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { call, contentsOf, later, make, open, pattern, result } from "./support.ts";

const MEBIBYTE = 1024 * 1024;

describe("a read stream", () => {
  it("has several requests in flight", async () => {
    const { sftp, server } = await open();
    make(server, "file", pattern(2 * MEBIBYTE));
    expect(Buffer.concat(await sftp.createReadStream("file").toArray()).equals(pattern(2 * MEBIBYTE))).toBe(true);
    expect(server.mostRequests).toBeGreaterThan(4);
  });

  it("requests no more than a bound while the program does not read", async () => {
    let requested = 0;
    const { sftp, server } = await open({
      answer: ({ request }) => {
        if (request.type === "read") requested += request.length;
        return false;
      },
    });
    make(server, "file", new Uint8Array(40 * MEBIBYTE));
    const stream = sftp.createReadStream("file");
    await once(stream, "open");
    for (let round = 0; round < 200; round++) await later();
    expect(requested).toBeGreaterThan(MEBIBYTE);
    expect(requested).toBeLessThanOrEqual(17 * MEBIBYTE);
    stream.destroy();
    await once(stream, "close");
    expect(server.files.opened.size).toBe(0);
  });

  it("ends after the answer to a read past the last byte", async () => {
    const order: string[] = [];
    const { sftp, server } = await open({
      answer: ({ request }) => {
        if (request.type === "read" && request.offset === 10_000) order.push("past");
        return false;
      },
    });
    make(server, "file", pattern(10_000));
    const stream = sftp.createReadStream("file");
    stream.on("data", () => order.push("data")).on("end", () => order.push("end"));
    await once(stream, "close");
    expect(order.slice(-2)).toEqual(["past", "end"]);
  });

  it("reads and closes the file of its handle, even if the program changes the Buffer later", async () => {
    const { sftp, server } = await open();
    make(server, "file", pattern(4 * MEBIBYTE));
    make(server, "other", pattern(10));
    const handle = await result<Buffer>((done) => sftp.open("file", "r", done));
    const other = await result<Buffer>((done) => sftp.open("other", "r", done));
    const given = Buffer.from(handle);
    const chunks: Buffer[] = [];
    const stream = sftp.createReadStream("file", { handle: given });
    expect(stream.handle).toBe(given);
    stream.on("data", (chunk) => {
      other.copy(given);
      chunks.push(chunk);
    });
    await once(stream, "close");
    expect(Buffer.concat(chunks).equals(pattern(4 * MEBIBYTE))).toBe(true);
    expect(await call((done) => sftp.fstat(handle, done))).toMatchObject([{ message: "Invalid handle" }]);
    await result((done) => sftp.close(other, done));
  });

  it("gives chunks of at most the length that the program chose", async () => {
    const { sftp, server } = await open();
    make(server, "file", pattern(10_000));
    const lengths: number[] = [];
    const stream = sftp.createReadStream("file", { highWaterMark: 1000 });
    stream.on("data", ({ length }) => lengths.push(length));
    await once(stream, "end");
    expect(Math.max(...lengths)).toBe(1000);
    expect(lengths.reduce((sum, one) => sum + one)).toBe(10_000);
  });

  it("passes on what came before a failure", async () => {
    const { sftp, server } = await open({
      answer: ({ request, token }, machine) => {
        if (request.type !== "read" || request.offset < 261_120) return false;
        machine.status(token, SSH_FX.FAILURE, "disk");
        return true;
      },
    });
    make(server, "file", pattern(600_000));
    const chunks: Buffer[] = [];
    const errors: unknown[] = [];
    const stream = sftp.createReadStream("file").on("data", (chunk) => chunks.push(chunk));
    await new Promise((resolve) => stream.on("error", (error) => errors.push(error)).on("close", resolve));
    expect(errors).toMatchObject([{ message: "disk", code: 4 }]);
    expect(Buffer.concat(chunks).equals(pattern(261_120))).toBe(true);
  });

  it("closes its file once if it is destroyed while it is opened, read or closed", async () => {
    for (const rounds of [0, 1, 2, 3, 4, 8]) {
      const { sftp, server } = await open();
      make(server, "file", pattern(300_000));
      const stream = sftp.createReadStream("file");
      for (let round = 0; round < rounds; round++) await Promise.resolve();
      const closed = once(stream, "close");
      stream.destroy();
      stream.destroy();
      await closed;
      await later();
      expect([server.opens, server.closes, server.files.opened.size]).toEqual([1, 1, 0]);
    }
  });

  it("closes also if its file cannot be opened after destroy()", async () => {
    const { sftp } = await open();
    const stream = sftp.createReadStream("missing").on("error", () => {});
    stream.destroy();
    await new Promise((resolve) => stream.on("close", resolve));
    expect(stream.isClosed).toBe(true);
  });

  it("fails with one error when the connection is lost", async () => {
    const { sftp, server } = await open({ answer: ({ request }) => request.type === "read" });
    make(server, "file", pattern(100));
    const errors: unknown[] = [];
    const stream = sftp.createReadStream("file").on("error", (error) => errors.push(error));
    await once(stream, "open");
    stream.resume();
    await later();
    server.lose(new SshError("connection-lost", "lost"));
    await later();
    await later();
    expect(errors).toEqual([new Error("No response from server")]);
    expect(stream.destroyed).toBe(true);
  });
});

describe("a write stream", () => {
  it("has several requests in flight, and finishes when the server has written everything", async () => {
    const { sftp, server } = await open();
    const stream = sftp.createWriteStream("file");
    let written = -1;
    stream.on("finish", () => {
      written = contentsOf(server, "file").length;
    });
    const contents = pattern(2 * MEBIBYTE);
    for (let at = 0; at < contents.length; at += 65_536) stream.write(contents.subarray(at, at + 65_536));
    stream.end();
    await once(stream, "close");
    expect(written).toBe(2 * MEBIBYTE);
    expect(contentsOf(server, "file").equals(pattern(2 * MEBIBYTE))).toBe(true);
    expect(server.mostRequests).toBeGreaterThan(4);
    expect(stream.bytesWritten).toBe(2 * MEBIBYTE);
  });

  it("calls back when the server has written, not before", async () => {
    const answers: (() => void)[] = [];
    const { sftp, server } = await open({
      answer: ({ request, token }, machine) => {
        if (request.type !== "write") return false;
        answers.push(() => machine.status(token, SSH_FX.OK, ""));
        return true;
      },
    });
    const stream = sftp.createWriteStream("file").on("error", () => {});
    const called: number[] = [];
    stream.write("abc", () => called.push(1));
    stream.write("def", () => called.push(2));
    await once(stream, "ready");
    for (let round = 0; round < 5; round++) await later();
    expect(called).toEqual([]);
    answers.shift()!();
    server.flush();
    await later();
    expect(called).toEqual([1]);
    expect(stream.bytesWritten).toBe(3);
    await later();
    answers.shift()!();
    server.flush();
    await later();
    expect(called).toEqual([1, 2]);
  });

  it("fails with one error, which later writes and the end get, too", async () => {
    const { sftp, server } = await open({
      answer: ({ request, token }, machine) => {
        if (request.type !== "write") return false;
        machine.status(token, SSH_FX.FAILURE, "full");
        return true;
      },
    });
    const errors: unknown[] = [];
    const stream = sftp.createWriteStream("file").on("error", (error) => errors.push(error));
    const closed = new Promise((resolve) => stream.on("close", resolve));
    const calls = [call((done) => stream.write("abc", done)), call((done) => stream.write(pattern(100_000), done))];
    for (const [error] of await Promise.all(calls)) expect(error).toMatchObject({ message: "full", code: 4 });
    await closed;
    expect(errors).toMatchObject([{ message: "full", code: 4 }]);
    expect(server.files.opened.size).toBe(0);
    const [error] = await call((done) => stream.write("x", done));
    expect(error).toBeInstanceOf(Error);
  });

  it("fails pipeline() if the server fails", async () => {
    const { sftp, server } = await open({
      answer: ({ request, token }, machine) => {
        if (request.type !== "write") return false;
        machine.status(token, SSH_FX.PERMISSION_DENIED, "no");
        return true;
      },
    });
    make(server, "file", pattern(500_000));
    const piped = pipeline(sftp.createReadStream("file"), sftp.createWriteStream("copy"));
    await expect(piped).rejects.toMatchObject({ message: "no", code: 3 });
  });

  it("takes what a read stream gives, in a pipeline", async () => {
    const { sftp, server } = await open();
    make(server, "file", pattern(3 * MEBIBYTE));
    await pipeline(sftp.createReadStream("file"), sftp.createWriteStream("copy"));
    expect(contentsOf(server, "copy").equals(pattern(3 * MEBIBYTE))).toBe(true);
  });

  it("calls back the writes that destroy() stops", async () => {
    const { sftp, server } = await open({ answer: ({ request }) => request.type === "write" });
    const stream = sftp.createWriteStream("file").on("error", () => {});
    const calls = [call((done) => stream.write("abc", done)), call((done) => stream.write("def", done))];
    await once(stream, "ready");
    await later();
    stream.destroy();
    for (const [error] of await Promise.all(calls)) expect(error).toBeInstanceOf(Error);
    server.lose(new SshError("connection-lost", "lost"));
  });

  it("calls back the writes that destroy() stops before the file is open", async () => {
    const { sftp } = await open();
    const stream = sftp.createWriteStream("file");
    const calls = [call((done) => stream.write("abc", done)), call((done) => stream.write("def", done))];
    stream.destroy();
    for (const [error] of await Promise.all(calls)) expect(error).toBeInstanceOf(Error);
    await once(stream, "close");
  });

  it("makes an empty file", async () => {
    const { sftp, server } = await open();
    const stream = sftp.createWriteStream("file");
    stream.end();
    await once(stream, "close");
    expect([contentsOf(server, "file").length, server.files.opened.size]).toEqual([0, 0]);
  });
});

it("a slow reader of a stream gets all bytes", async () => {
  const { sftp, server } = await open();
  make(server, "file", pattern(500_000));
  const chunks: Buffer[] = [];
  const slow = new Writable({
    highWaterMark: 1,
    write(chunk, _, done) {
      chunks.push(chunk);
      setImmediate(done);
    },
  });
  await pipeline(sftp.createReadStream("file"), slow);
  expect(Buffer.concat(chunks).equals(pattern(500_000))).toBe(true);
});

it("read and write take more than the server's limits, in several requests", async () => {
  const { sftp, server } = await open();
  const handle = await result<Buffer>((done) => sftp.open("file", "w+", done));
  await result((done) => sftp.write(handle, pattern(200_000), 0, 200_000, 0, done));
  expect(contentsOf(server, "file").equals(pattern(200_000))).toBe(true);
  const buffer = Buffer.alloc(200_000);
  const [error, read] = await call<[undefined, number]>((done) => sftp.read(handle, buffer, 0, 200_000, 0, done));
  expect([error, read]).toEqual([undefined, 200_000]);
  expect(buffer.equals(pattern(200_000))).toBe(true);
});
