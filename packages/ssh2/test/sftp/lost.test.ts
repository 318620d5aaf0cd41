import { EventEmitter } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MemorySftp } from "@nacre/testing/nacre/memory-sftp";
import { SshError } from "@nacre/wire";
import type { Channel, ChannelHandler } from "nacre";
import { expect, it } from "vitest";
import type { Connection } from "../../src/connection.ts";
import { SFTP } from "../../src/sftp/sftp.ts";
import { freshFolder, later, make, pattern } from "./support.ts";

/** Returns a channel whose connection is lost after this number of bytes of the server. */
function cutAfter(channel: Channel, server: MemorySftp, bytes: number): Channel {
  let left = bytes;
  return Object.create(channel, {
    closed: { get: () => channel.closed },
    handler: {
      set(handler: ChannelHandler) {
        channel.handler = {
          ...handler,
          data(stream, received) {
            const part = received.slice(0, left);
            left -= part.length;
            if (part.length > 0) handler.data(stream, part);
            if (left === 0) server.lose(new SshError("connection-lost", "lost"));
          },
        };
      },
    },
  }) as Channel;
}

/** Calls back with the error of a stream, or when it is closed without one. The close may fail after "end" or "finish". */
function outcome(stream: EventEmitter, callback: () => void): void {
  let hasFailed = false;
  stream.on("error", () => {
    hasFailed = true;
    callback();
  });
  stream.on("close", () => !hasFailed && callback());
}

/** Calls every method that waits for the server. Resolves when all have called back, with how often each did. */
async function callAll(sftp: SFTP, folder: string): Promise<readonly number[]> {
  const calls: number[] = [];
  const done: Promise<void>[] = [];
  const start = (method: (callback: () => void) => void): void => {
    const at = calls.push(0) - 1;
    done.push(
      new Promise((resolve) => {
        method(() => {
          calls[at]!++;
          resolve();
        });
      }),
    );
  };
  const handle = Buffer.alloc(4);
  start((callback) => sftp.open("file", "r", callback));
  start((callback) => sftp.fstat(handle, callback));
  start((callback) => sftp.stat("file", callback));
  start((callback) => sftp.read(handle, Buffer.alloc(8), 0, 8, 0, callback));
  start((callback) => sftp.write(handle, Buffer.alloc(8), 0, 8, 0, callback));
  start((callback) => sftp.readdir("/home", callback));
  start((callback) => sftp.readFile("file", callback));
  start((callback) => sftp.writeFile("a", "text", callback));
  start((callback) => sftp.appendFile("a", "text", callback));
  start((callback) => sftp.exists("file", callback));
  start((callback) => sftp.realpath(".", callback));
  start((callback) => sftp.mkdir("dir", callback));
  start((callback) => sftp.symlink("file", "link", callback));
  start((callback) => sftp.readlink("link", callback));
  start((callback) => sftp.utimes("file", 1, 2, callback));
  start((callback) => sftp.ext_openssh_rename("a", "b", callback));
  start((callback) => sftp.fastGet("file", join(folder, "copy"), callback));
  start((callback) => sftp.fastPut(join(folder, "local"), "put", callback));
  start((callback) => outcome(sftp.createReadStream("file").resume(), callback));
  start((callback) => outcome(sftp.createWriteStream("c").end("text"), callback));
  await Promise.all(done);
  await later();
  await later();
  return calls;
}

it("calls back once each, wherever in the server's bytes the connection is lost", async () => {
  const folder = await freshFolder();
  await writeFile(join(folder, "local"), pattern(300));
  let isWhole = false;
  for (let bytes = 40; !isWhole; bytes += 13) {
    const server = new MemorySftp();
    make(server, "file", pattern(300));
    const events: string[] = [];
    const sftp = new SFTP(new EventEmitter() as Connection, cutAfter(await server.openChannel(), server, bytes));
    for (const event of ["ready", "error", "end", "close"]) sftp.on(event, () => events.push(event));
    for (let round = 0; round < 3; round++) await later();
    if (events[0] === "ready") {
      const calls = await callAll(sftp, folder);
      expect(calls, `after ${bytes} bytes`).toEqual(calls.map(() => 1));
    }
    isWhole = !events.includes("close");
    if (!isWhole) expect(events.filter((event) => event !== "ready")).toEqual(["end", "close"]);
    sftp.end();
  }
});
