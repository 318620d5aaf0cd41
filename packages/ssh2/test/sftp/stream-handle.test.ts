import { once } from "node:events";
import { Writable } from "node:stream";
import { expect, it } from "vitest";
import { call, later, make, open, pattern, result } from "./support.ts";

const STREAMS = [
  ["read", "createReadStream"],
  ["write", "createWriteStream"],
] as const;

it.each(STREAMS)("the handle of a %s stream is an own property, set while the file is open", async (_, method) => {
  const { sftp, server } = await open();
  make(server, "file", pattern(100));
  const stream = sftp[method]("file");
  expect(Object.getOwnPropertyDescriptor(stream, "handle")).toMatchObject({
    value: null,
    writable: true,
    enumerable: true,
  });
  expect(stream.pending).toBe(true);
  const [handle] = await once(stream, "open");
  expect(handle).toBeInstanceOf(Buffer);
  expect([stream.handle === handle, stream.pending]).toEqual([true, false]);
  stream.destroy();
  expect([stream.handle, stream.pending]).toEqual([null, true]);
  await once(stream, "close");
});

it.each(STREAMS)("the handle of a %s stream is null after a destroy() while the file is opened", async (_, method) => {
  const { sftp, server } = await open();
  make(server, "file", pattern(100));
  const stream = sftp[method]("file");
  stream.destroy();
  await once(stream, "close");
  expect([stream.handle, server.files.opened.size]).toEqual([null, 0]);
});

it.each(STREAMS)("a %s stream leaves the file open if the program sets its handle to null", async (_, method) => {
  const { sftp, server } = await open();
  make(server, "file", pattern(100));
  const stream = sftp[method]("file");
  const [handle] = await once(stream, "open");
  stream.handle = null;
  const closed = once(stream, "close");
  stream.destroy();
  await closed;
  await later();
  expect(server.closes).toBe(0);
  expect(await call((done) => sftp.fstat(handle, done))).toMatchObject([undefined, { size: expect.any(Number) }]);
  await result((done) => sftp.close(handle, done));
});

it.each(STREAMS)(
  "a %s stream closes its file, even if the program changes the handle that it got",
  async (_, method) => {
    const { sftp, server } = await open();
    make(server, "file", pattern(100));
    const stream = sftp[method]("file").on("open", (handle: Buffer) => handle.fill(255));
    if (stream instanceof Writable) stream.end("abc");
    else stream.resume();
    await once(stream, "close");
    expect([server.closes, server.files.opened.size]).toEqual([1, 0]);
  },
);
