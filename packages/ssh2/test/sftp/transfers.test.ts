import { EventEmitter } from "node:events";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { memoryFileSystem, sftpServer } from "@nacre/files/server";
import { SSH_FX } from "@nacre/sftp";
import { served } from "@nacre/testing/nacre/wire";
import { encodeSubsystem } from "nacre/extend";
import { expect, it, onTestFinished, vi } from "vitest";
import type { Connection } from "../../src/connection.ts";
import { SFTP } from "../../src/sftp/sftp.ts";
import { call, contentsOf, freshFolder, later, make, open, pattern, result } from "./support.ts";

const MEBIBYTE = 1024 * 1024;

/** Opens SFTP to a Nacre server over SSH in memory. */
async function openServed(): Promise<SFTP> {
  const { client, connection } = await served({ subsystems: { sftp: sftpServer(memoryFileSystem()) } });
  onTestFinished(async () => {
    await client.close();
    await connection.ended;
  });
  const channel = await client.openChannel("session");
  return new Promise((resolve, reject) => {
    channel.start("subsystem", encodeSubsystem("sftp"), (success) => {
      if (!success) reject(new Error("refused"));
      const sftp = new SFTP(new EventEmitter() as Connection, channel);
      sftp.on("ready", () => resolve(sftp)).on("error", reject);
    });
  });
}

it("a file goes to a Nacre server and back, with steps of 32 KiB", async () => {
  const sftp = await openServed();
  const folder = await freshFolder();
  const length = 5 * MEBIBYTE + 5;
  await writeFile(join(folder, "file"), pattern(length));
  for (const move of ["fastPut", "fastGet"] as const) {
    const steps: number[][] = [];
    const step = (...values: number[]): unknown => steps.push(values);
    const [from, to] = move === "fastPut" ? [join(folder, "file"), "/copy"] : ["/copy", join(folder, "back")];
    await result((done) => sftp[move](from, to, { step }, done));
    expect(steps.length).toBe(161);
    expect(steps[0]).toEqual([32_768, 32_768, length]);
    expect(steps.at(-1)).toEqual([length, 5, length]);
  }
  expect((await readFile(join(folder, "back"))).equals(pattern(length))).toBe(true);
});

it("streams, whole files and listings work with a Nacre server", async () => {
  const sftp = await openServed();
  await result((done) => sftp.mkdir("/dir", done));
  await result((done) => sftp.writeFile("/dir/a", pattern(300_000), done));
  await result((done) => sftp.appendFile("/dir/a", "more", done));
  const contents = await result<Buffer>((done) => sftp.readFile("/dir/a", done));
  expect(contents.equals(Buffer.concat([pattern(300_000), Buffer.from("more")]))).toBe(true);
  await result((done) => sftp.ext_openssh_rename("/dir/a", "/dir/b", done));
  await result((done) => sftp.symlink("b", "/dir/link", done));
  expect(await result((done) => sftp.readlink("/dir/link", done))).toBe("b");
  const list = await result<{ filename: string }[]>((done) => sftp.readdir("/dir", done));
  expect(list.map(({ filename }) => filename).sort()).toEqual(["b", "link"]);
});

it.each([
  [{ concurrency: 3, chunkSize: 5000 }, 3, 5000],
  [{ concurrency: 2 }, 2, 32_768],
  [{ chunkSize: 1000 }, 64, 1000],
])("fastGet and fastPut keep the limits %o", async (options, requests, length) => {
  let most = 0;
  let longest = 0;
  const { sftp, server } = await open({
    answer: ({ request }, machine) => {
      if (request.type === "read") longest = Math.max(longest, request.length);
      if (request.type === "write") longest = Math.max(longest, request.data.length);
      if (request.type === "read" || request.type === "write") most = Math.max(most, machine.requestCount);
      return false;
    },
  });
  const folder = await freshFolder();
  make(server, "file", pattern(300_000));
  await result((done) => sftp.fastGet("file", join(folder, "copy"), options, done));
  expect([most <= requests, longest]).toEqual([true, length]);
  longest = 0;
  await result((done) => sftp.fastPut(join(folder, "copy"), "copy", options, done));
  expect([most <= requests, longest <= length, longest > 0.9 * length]).toEqual([true, true, true]);
  expect(contentsOf(server, "copy").equals(pattern(300_000))).toBe(true);
});

it("fastGet reads no more than the size that the file has when it begins", async () => {
  const { sftp, server } = await open();
  const folder = await freshFolder();
  make(server, "file", pattern(100_000));
  await result((done) => sftp.fastGet("file", join(folder, "copy"), { fileSize: 70_000 }, done));
  expect((await stat(join(folder, "copy"))).size).toBe(70_000);
});

it("fastPut writes nothing more when its file is shorter than its size said", async () => {
  const answers: (() => void)[] = [];
  const { sftp, server } = await open({
    answer: ({ request, token }, machine) => {
      if (request.type !== "write") return false;
      answers.push(() => machine.status(token, SSH_FX.OK, ""));
      return true;
    },
  });
  const folder = await freshFolder();
  await writeFile(join(folder, "file"), pattern(5000));
  const options = { fileSize: 10_000, chunkSize: 1000, concurrency: 1 };
  const called = call((done) => sftp.fastPut(join(folder, "file"), "copy", options, done));
  while (answers.length === 0) await later();
  // The request after that of the write is the one that closes the file.
  const { writes } = server;
  while (server.writes === writes) await later();
  answers[0]!();
  server.flush();
  const [error] = await called;
  expect(error).toMatchObject({ message: "Unexpected end of file" });
  await later();
  expect(server.writes).toBe(writes + 1);
});

/** Calls `report` after many rounds of the event loop, in which the disk is read. */
async function reportLater(report: () => void): Promise<void> {
  for (let round = 0; round < 1000; round++) await later();
  report();
}

it("fastPut passes no bytes on between a failed write and its report", async () => {
  const { sftp } = await open({
    answer: ({ request, token }, machine) => {
      if (request.type !== "write") return false;
      machine.status(token, SSH_FX.FAILURE, "full");
      return true;
    },
  });
  vi.spyOn(sftp._driver, "settle").mockImplementationOnce((_, done) => void reportLater(done));
  const folder = await freshFolder();
  await writeFile(join(folder, "file"), pattern(5 * MEBIBYTE));
  const [error] = await call((done) => sftp.fastPut(join(folder, "file"), "copy", done));
  expect(error).toMatchObject({ message: "full", code: 4 });
});

it("a thousand requests and more at once are all answered", async () => {
  const { sftp, server } = await open({ window: 10_000, limits: { maxRequests: 5000 } });
  make(server, "file", pattern(10));
  const calls = Array.from({ length: 3000 }, () => call((done) => sftp.stat("file", done)));
  for (const [error, stats] of await Promise.all(calls)) {
    expect(error).toBeUndefined();
    expect(stats).toMatchObject({ size: 10 });
  }
});

it("a request of a callback does not overtake those that wait for room", async () => {
  const { sftp, server } = await open({ limits: { maxRequests: 5000 } });
  const last = new Promise<void>((resolve) => {
    sftp.stat("file", () => sftp.realpath(".", () => resolve()));
  });
  const calls = Array.from({ length: 1499 }, () => call((done) => sftp.stat("file", done)));
  await last;
  expect(server.requests.indexOf("realpath")).toBe(1500);
  await Promise.all(calls);
});

it("requests that wait for room stay in order, and keep the bytes that they had", async () => {
  const { sftp, server } = await open({ window: 5000, limits: { maxRequests: 5000 } });
  const handle = await result<Buffer>((done) => sftp.open("file", "w", done));
  const buffer = Buffer.alloc(4);
  const calls: Promise<readonly unknown[]>[] = [];
  for (let at = 0; at < 2000; at++) {
    buffer.writeUInt32BE(at);
    calls.push(call((done) => sftp.write(handle, buffer, 0, 4, at * 4, done)));
  }
  const closing = call((done) => sftp.close(handle, done));
  for (const values of await Promise.all(calls)) expect(values).toEqual([undefined, 4]);
  expect(await closing).toEqual([]);
  const contents = contentsOf(server, "file");
  for (let at = 0; at < 2000; at++) expect(contents.readUInt32BE(at * 4)).toBe(at);
});

it("expand-path, users and groups are read", async () => {
  const { sftp } = await open({
    extensions: ["expandPath", "usersGroupsById", "homeDirectory"],
    answer: ({ request, token }, machine) => {
      if (request.type === "expand-path") machine.name(token, new TextEncoder().encode("/home/alice/ä"));
      else if (request.type === "users-groups-by-id")
        machine.usersGroups(token, { users: ["root", ""], groups: ["wheel"] });
      else return false;
      return true;
    },
  });
  expect(await result((done) => sftp.ext_openssh_expandPath("~/ä", done))).toBe("/home/alice/ä");
  expect(await call((done) => sftp.ext_users_groups([0, 5], [0], done))).toEqual([undefined, ["root", ""], ["wheel"]]);
});

it("has debug lines in ssh2's form, with the server's text escaped", async () => {
  const lines: string[] = [];
  const { sftp } = await open(
    {
      extensions: [],
      answer: ({ token }, machine) => {
        machine.status(token, 4, "\u001b[1mno");
        return true;
      },
    },
    (line) => lines.push(line),
  );
  await call((done) => sftp.stat("file", done));
  expect(lines).toEqual([
    "SFTP: Inbound: Received VERSION (v3, exts:limits@openssh.com)",
    "SFTP: Outbound: Sending STAT",
    'SFTP: Inbound: Received STATUS (id:65536, 4, "\\x1b[1mno")',
  ]);
});
