import { once } from "node:events";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeReply, SSH_FX, SSH_FXP } from "@nacre/sftp";
import { uncaught } from "@nacre/testing/nacre/outcomes";
import { SshError } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { call, freshFolder, later, make, open, pattern, result } from "./support.ts";

/** Returns a packet with its length field. */
function framed(packet: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(4 + packet.length);
  new DataView(frame.buffer).setUint32(0, packet.length);
  frame.set(packet, 4);
  return frame;
}

const NO_RESPONSE = new Error("No response from server");
const NAME = { longname: new Uint8Array(0), attributes: {} };
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Id of the first request after that for the limits, which has the same place. */
const STAT_ID = 0x1_0000;

/** Replies to `stat` that no server may send. */
const INVALID: readonly (readonly [name: string, reply: Uint8Array<ArrayBuffer>])[] = [
  ["to no request", framed(encodeReply(5, { type: "attributes", attributes: {} }))],
  ["of another type", framed(encodeReply(STAT_ID, { type: "handle", handle: text("h") }))],
  [
    "with success and no result",
    framed(encodeReply(STAT_ID, { type: "status", status: 0, message: "", languageTag: "" })),
  ],
  ["that is cut off", framed(encodeReply(STAT_ID, { type: "attributes", attributes: { size: 5n } }).subarray(0, 12))],
  ["without an id", framed(Uint8Array.of(SSH_FXP.ATTRS, 0))],
  ["of an unknown type", framed(Uint8Array.of(77, 0, 1, 0, 0))],
  ["that is too long", Uint8Array.of(0x7f, 0xff, 0xff, 0xff)],
  ["that is empty", Uint8Array.of(0, 0, 0, 0)],
  ["with names", framed(encodeReply(STAT_ID, { type: "names", names: [{ filename: text("a"), ...NAME }] }))],
];

describe("an invalid reply", () => {
  it.each(INVALID)("%s ends SFTP with one error, before the callbacks", async (_name, reply) => {
    const { sftp, server, events } = await open({ answer: () => true });
    const callbacks: unknown[] = [];
    sftp.stat("file", (error) => callbacks.push([events.length, error]));
    sftp.realpath("file", (error) => callbacks.push([events.length, error]));
    await later();
    server.send(reply);
    await later();
    expect(events[0]).toMatchObject({ level: "sftp-protocol", cause: { name: "SshError" } });
    expect(events.slice(1)).toEqual(["end", "close"]);
    expect(callbacks).toEqual([
      [1, NO_RESPONSE],
      [1, NO_RESPONSE],
    ]);
    expect(server.calls.at(-1)).toBe("close");
  });

  it("with more data than requested ends SFTP", async () => {
    const { sftp, server, events } = await open();
    make(server, "file", pattern(10));
    const handle = await result<Buffer>((done) => sftp.open("file", "r", done));
    const reading = call((done) => sftp.read(handle, Buffer.alloc(5), 0, 5, 0, done));
    server.send(framed(encodeReply(2 * STAT_ID, { type: "data", data: new Uint8Array(6) })));
    expect(await reading).toEqual([NO_RESPONSE]);
    expect(events[0]).toMatchObject({ level: "sftp-protocol" });
  });

  it("has its text escaped in the message", async () => {
    const { server, events } = await open();
    server.send(framed(text("\u001b[31m hello")));
    await later();
    expect((events[0] as Error).message).not.toContain("\u001b");
  });
});

it("a server that ends while requests are open answers each with one error, then emits end and close", async () => {
  const { sftp, server, events } = await open({ answer: () => true });
  const calls = [
    call((done) => sftp.open("file", "r", done)),
    call((done) => sftp.readdir("dir", done)),
    call((done) => sftp.readFile("file", done)),
    call((done) => sftp.writeFile("file", "x", done)),
    call((done) => sftp.fastGet("file", "/nowhere", done)),
  ];
  await later();
  server.sendEof();
  for (const values of await Promise.all(calls)) expect(values).toEqual([NO_RESPONSE]);
  expect(events).toEqual(["end"]);
  server.lose(new SshError("connection-lost", "lost"));
  await later();
  expect(events).toEqual(["end", "close"]);
});

it("requests after the end call back with an error, and not in the call", async () => {
  const { sftp, server } = await open();
  server.lose(new SshError("connection-lost", "lost"));
  let isSync = true;
  const statting = call((done: (...values: unknown[]) => void) => sftp.stat("file", (error) => done(error, isSync)));
  isSync = false;
  expect(await statting).toEqual([NO_RESPONSE, false]);
  const calls = [
    call((done) => sftp.readFile("file", done)),
    call((done) => sftp.fastPut(import.meta.filename, "file", done)),
    call((done) => sftp.readdir("file", done)),
    call((done) => sftp.write(Buffer.from("h"), Buffer.alloc(4), 0, 4, 0, done)),
  ];
  for (const values of await Promise.all(calls)) expect(values).toEqual([NO_RESPONSE]);
});

it("requests after end() call back when the channel is closed", async () => {
  const { sftp, events } = await open();
  sftp.end();
  expect(await call((done) => sftp.stat("file", done))).toEqual([NO_RESPONSE]);
  expect(events).toEqual(["end", "close"]);
});

it("sends the requests that were made before end()", async () => {
  const { sftp, server } = await open();
  const before = server.writes;
  sftp.mkdir("dir");
  sftp.unlink("file");
  sftp.end();
  expect(server.writes).toBe(before + 1);
});

it("a callback that throws ends the connection, and keeps no other callback from its call", async () => {
  const { sftp, server, thrown } = await open();
  make(server, "file", pattern(10));
  sftp.stat("file", () => {
    throw new Error("mine");
  });
  // The reply is in the same packet.
  expect(await call((done) => sftp.stat("file", done))).toEqual([NO_RESPONSE]);
  expect(thrown).toEqual([new Error("mine")]);
});

function failingStep(): never {
  throw new Error("mine");
}

it("a step that throws is an uncaught exception after a write to the disk, and ends the connection after one to the server", async () => {
  const { sftp, server, thrown } = await open();
  const folder = await freshFolder();
  make(server, "file", pattern(100_000));
  const errors = uncaught();
  await result((done) => sftp.fastGet("file", join(folder, "copy"), { step: failingStep }, done));
  expect(await readFile(join(folder, "copy"))).toEqual(pattern(100_000));
  expect(errors).toEqual([new Error("mine")]);
  await call((done) => sftp.fastPut(join(folder, "copy"), "copy", { step: failingStep }, done));
  expect(thrown).toEqual([new Error("mine")]);
});

it("short replies, down to a byte, are read on", async () => {
  const { sftp, server } = await open({
    answer: ({ request, token }, machine) => {
      if (request.type !== "read") return false;
      const { offset, handle } = request;
      const data = handle.node.data.subarray(offset, offset + (offset % 7) + 1).subarray(0, request.length);
      if (data.length === 0) return false;
      machine.reply(token, { type: "data", data });
      return true;
    },
  });
  const folder = await freshFolder();
  make(server, "file", pattern(3000));
  expect(await result((done) => sftp.readFile("file", done))).toEqual(pattern(3000));
  await result((done) => sftp.fastGet("file", join(folder, "copy"), done));
  expect(await readFile(join(folder, "copy"))).toEqual(pattern(3000));
  expect(Buffer.concat(await sftp.createReadStream("file").toArray())).toEqual(pattern(3000));
});

describe("a file that ends before its size", () => {
  const expected = { message: "Unexpected end of file", code: SSH_FX.EOF };

  it("fails fastGet, and closes both files", async () => {
    const { sftp, server } = await open();
    const folder = await freshFolder();
    make(server, "file", pattern(70_000));
    const [error] = await call((done) => sftp.fastGet("file", join(folder, "copy"), { fileSize: 90_000 }, done));
    expect(error).toMatchObject(expected);
    expect(server.files.opened.size).toBe(0);
  });

  it("fails fastPut, and closes both files", async () => {
    const { sftp, server } = await open();
    const folder = await freshFolder();
    await writeFile(join(folder, "file"), pattern(70_000));
    const [error] = await call((done) => sftp.fastPut(join(folder, "file"), "copy", { fileSize: 90_000 }, done));
    expect(error).toMatchObject(expected);
    expect(server.files.opened.size).toBe(0);
  });
});

it("fastGet reads to the end of a file whose size the server does not state", async () => {
  const { sftp, server } = await open({
    answer: ({ request, token }, machine) => {
      if (request.type !== "fstat") return false;
      machine.attributes(token, { permissions: 0o100644 });
      return true;
    },
  });
  const folder = await freshFolder();
  make(server, "file", pattern(70_000));
  await result((done) => sftp.fastGet("file", join(folder, "copy"), done));
  expect((await stat(join(folder, "copy"))).size).toBe(70_000);
});

it.each([undefined, "utf8"] as const)(
  "a file that is said to be huge and is empty is read, encoding %s",
  async (encoding) => {
    const { sftp, server } = await open({
      answer: ({ request, token }, machine) => {
        if (request.type !== "fstat") return false;
        machine.attributes(token, { size: 2n ** 40n, permissions: 0o100644 });
        return true;
      },
    });
    make(server, "file", new Uint8Array(0));
    expect(await call((done) => sftp.readFile("file", encoding, done))).toEqual([
      undefined,
      encoding ? "" : Buffer.alloc(0),
    ]);
  },
);

it("a server may give one handle to several files", async () => {
  const { sftp, server } = await open({ handles: () => 7 });
  make(server, "a", pattern(10));
  make(server, "b", pattern(20));
  const first = await result<Buffer>((done) => sftp.open("a", "r", done));
  const second = await result<Buffer>((done) => sftp.open("b", "r", done));
  expect(first).toEqual(second);
  expect(await result((done) => sftp.fstat(second, done))).toHaveProperty("size", 20);
});

it("takes the limits that a server states", async () => {
  const { sftp } = await open({ limits: { maxHandles: 7 } });
  expect(sftp.maxOpenHandles).toBe(7);
  expect([sftp._maxReadLen, sftp._maxWriteLen]).toEqual([261_120, 261_120]);
});

it("the error of a read stream without a listener ends the connection", async () => {
  const { sftp, thrown } = await open();
  const stream = sftp.createReadStream("missing");
  await once(stream, "error").catch(() => {});
  sftp.createReadStream("missing");
  await later();
  await later();
  expect(thrown).toMatchObject([{ code: SSH_FX.NO_SUCH_FILE }]);
});
