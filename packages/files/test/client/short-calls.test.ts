import { type Sftp, SSH_FX } from "@nacre/files";
import { SftpError } from "@nacre/sftp";
import type { MemorySftpOptions } from "@nacre/testing/nacre/memory-sftp";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { describe, expect, it } from "vitest";
import { readShort } from "../../src/blocks/read.ts";
import { writeOpened } from "../../src/blocks/write-file.ts";
import { partsOf } from "../../src/remote/sftp.ts";
import { RemoteTarget } from "../../src/transfer/sides/remote.ts";
import { isSame, openMemorySftp, pattern } from "./support.ts";

const DATA = pattern(10);

/** Flags of an open that writes and creates. */
const CREATE = 0x0a;

const calls: readonly (readonly [string, (sftp: Sftp, signal?: AbortSignal, path?: string) => Promise<unknown>])[] = [
  [
    "readShort",
    (sftp, signal, path = "f") => readShort(partsOf(sftp).channel, path, 10, { call: "test", path, signal }),
  ],
  [
    "writeOpened",
    (sftp, signal, path = "f") => {
      const write = { flags: "wx", created: {}, final: { permissions: 0o600 }, flush: false } as const;
      return writeOpened(partsOf(sftp).channel, `${path}.new`, DATA, write, { call: "test", path, signal });
    },
  ],
];

/** Answers no request of this type. */
function silent(type: string): MemorySftpOptions {
  return { answer: ({ request }) => request.type === type };
}

describe.each(calls)("%s", (_, run) => {
  it("sends nothing if the signal has aborted before", async () => {
    const { sftp, server } = await openMemorySftp();
    expect(await failure(run(sftp, AbortSignal.abort()))).toEqual(code("aborted"));
    await Promise.resolve();
    expect(server.requests).toEqual([]);
  });

  it("closes a file that the server opens after the call was aborted", async () => {
    let answer: (() => void) | undefined;
    const { sftp, server } = await openMemorySftp({
      answer({ token, request }, machine) {
        if (request.type !== "open") return false;
        answer = () => {
          machine.handle(token, { node: server.files.open("x", 0x8), isAppend: false, unsent: [] });
          server.flush();
        };
        return true;
      },
    });
    const controller = new AbortController();
    const running = failure(run(sftp, controller.signal));
    await expect.poll(() => answer, { timeout: 10_000 }).toBeDefined();
    controller.abort("why");
    expect(await running).toMatchObject({ code: "aborted", cause: "why" });
    answer!();
    await expect.poll(() => server.requests, { timeout: 10_000 }).toEqual(["open", "close"]);
  });

  it("rejects with `aborted` while the file is open, closes it, and sends nothing later", async () => {
    const { sftp, server } = await openMemorySftp({
      answer: ({ request }) => request.type === "read" || request.type === "close",
    });
    server.files.open("f", CREATE, 0o644).data = DATA;
    const controller = new AbortController();
    const running = failure(run(sftp, controller.signal));
    await expect.poll(() => server.requests.length, { timeout: 10_000 }).toBeGreaterThan(1);
    controller.abort();
    expect(await running).toEqual(code("aborted"));
    await sftp.stat("f");
    expect(server.requests).not.toContain("posix-rename");
  });

  it("rejects with the server's refusal to open the file", async () => {
    const { sftp, server } = await openMemorySftp({
      answer({ token, request }, machine) {
        if (request.type === "open") machine.status(token, SSH_FX.PERMISSION_DENIED, "not you");
        return request.type === "open";
      },
    });
    const error = await failure(run(sftp));
    expect(error).toBeInstanceOf(SftpError);
    expect(error).toMatchObject({ code: "sftp-permission-denied", serverMessage: "not you", call: "test", path: "f" });
    expect(server.requests).toEqual(["open"]);
  });

  it("rejects with the reason for which SFTP ends", async () => {
    const { sftp, server } = await openMemorySftp(silent("open"));
    const running = failure(run(sftp));
    await expect.poll(() => server.requests, { timeout: 10_000 }).toContain("open");
    server.sendEof();
    expect(await running).toEqual(code("channel-closed"));
    expect(await failure(run(sftp))).toEqual(code("channel-closed"));
  });

  it("waits while too many requests are under way, and then sends nothing if it was aborted meanwhile", async () => {
    const held: (() => void)[] = [];
    const { sftp, server } = await openMemorySftp({
      answer({ token, request }, machine) {
        if (request.type === "stat") held.push(() => machine.status(token, SSH_FX.NO_SUCH_FILE));
        return request.type === "stat";
      },
      limits: { maxRequests: 2000 },
    });
    server.files.open("f", CREATE, 0o644).data = DATA;
    const stats = Promise.allSettled(Array.from({ length: 1024 }, () => sftp.stat("f")));
    const controller = new AbortController();
    const [running, aborted] = [run(sftp), failure(run(sftp, controller.signal, "g"))];
    expect(partsOf(sftp).channel.machine.requestCount).toBe(1024);
    controller.abort();
    expect(await aborted).toEqual(code("aborted"));
    await expect.poll(() => held.length, { timeout: 10_000 }).toBe(1024);
    for (const answer of held) answer();
    server.flush();
    await Promise.all([stats, running]);
    expect(server.requests.filter((type) => type === "open")).toHaveLength(1);
  });
});

/** Writes a file with a mode to set. */
function write(sftp: Sftp): Promise<void> {
  const attributes = { mode: 0o640, exact: { mode: 0o600 }, flush: false, onUnsupported: () => {} };
  return new RemoteTarget(partsOf(sftp).channel).write("f", DATA, attributes, { call: "test", path: "f" });
}

describe("the write of a short file", () => {
  it("writes, sets the attributes, closes and renames in this order, in three round trips", async () => {
    const { sftp, server } = await openMemorySftp();
    const { writes } = server;
    await write(sftp);
    expect(server.requests).toEqual(["open", "write", "fsetstat", "close", "posix-rename"]);
    expect(server.writes - writes).toBe(3);
    expect(isSame((await sftp.readFile("f")) as Uint8Array, DATA)).toBe(true);
    expect((await sftp.stat("f")).mode & 0o777).toBe(0o600);
    expect(await sftp.readdir(".")).toEqual(["f"]);
  });

  it.each(["write", "fsetstat", "close"] as const)("does not rename after a refused %s", async (type) => {
    const { sftp, server } = await openMemorySftp({
      answer({ token, request }, machine) {
        if (request.type === type) machine.status(token, SSH_FX.FAILURE, `no ${type}`);
        return request.type === type;
      },
    });
    expect(await failure(write(sftp))).toMatchObject({ code: "sftp-failure", serverMessage: `no ${type}` });
    await sftp.exists("f");
    expect(server.requests.slice(0, 4)).toEqual(["open", "write", "fsetstat", "close"]);
    expect(server.requests).not.toContain("posix-rename");
  });

  it("rejects at once after a refused write, even if the server never answers the close", async () => {
    const { sftp } = await openMemorySftp({
      answer({ token, request }, machine) {
        if (request.type === "write") machine.status(token, SSH_FX.FAILURE, "disk full");
        return request.type === "write" || request.type === "fsetstat" || request.type === "close";
      },
    });
    expect(await failure(write(sftp))).toMatchObject({ code: "sftp-failure", serverMessage: "disk full" });
  });

  it("rejects with a refused rename", async () => {
    const { sftp } = await openMemorySftp({
      answer({ token, request }, machine) {
        if (request.type === "posix-rename") machine.status(token, SSH_FX.FAILURE, "no rename");
        return request.type === "posix-rename";
      },
    });
    expect(await failure(write(sftp))).toMatchObject({ code: "sftp-failure", serverMessage: "no rename" });
  });
});
