import { download, type LocalReader, type LocalStats, type Sftp, SSH_FX, upload } from "@nacre/files";
import { MemoryLocalFiles } from "@nacre/testing/nacre/memory-local-files";
import type { MemorySftp, MemorySftpOptions } from "@nacre/testing/nacre/memory-sftp";
import { failure } from "@nacre/testing/nacre/outcomes";
import { describe, expect, it } from "vitest";
import { COLLECT_AT } from "../../src/channel/sftp-channel.ts";
import { SHORT_LENGTH } from "../../src/transfer/sides/trees.ts";
import { isSame, openMemorySftp, pattern } from "./support.ts";

/** Flags of an open that writes and creates. */
const CREATE = 0x0a;

/** Local files that count what is opened for reading. */
class CountedFiles extends MemoryLocalFiles {
  opens = 0;
  /** Size that `stat` states, if it is out of date. */
  statedSize: number | undefined;

  override async stat(path: string): Promise<LocalStats> {
    const stats = await super.stat(path);
    return { ...stats, size: this.statedSize ?? stats.size };
  }

  override open(path: string, follow: boolean): Promise<LocalReader> {
    this.opens++;
    return super.open(path, follow);
  }
}

async function open(options: MemorySftpOptions = {}): Promise<{ sftp: Sftp; server: MemorySftp; local: CountedFiles }> {
  return { ...(await openMemorySftp(options)), local: new CountedFiles() };
}

function make({ files }: Pick<MemorySftp, "files">, path: string, length: number): void {
  files.open(path, CREATE, 0o644).data = pattern(length);
}

describe("the upload of a short file", () => {
  it.each([0, 1, SHORT_LENGTH])(
    "takes three round trips with %i bytes: the close follows the write",
    async (length) => {
      const { sftp, server, local } = await open();
      make(local, "/home/f", length);
      const { writes } = server;
      await upload(sftp, { files: local, path: "/home/f" }, "g");
      const write = length === 0 ? [] : ["write"];
      expect(server.requests).toEqual(["open", ...write, "close", "posix-rename"]);
      expect(server.writes - writes).toBe(3);
      expect([local.opens, local.openCount]).toEqual([1, 0]);
      expect(isSame(server.files.find("g").data, pattern(length))).toBe(true);
    },
  );

  it.each([
    ["grown", 9],
    ["shrunk", 11],
  ])("reads the file once more if it has %s", async (_, stated) => {
    const { sftp, server, local } = await open();
    make(local, "/home/f", 10);
    local.statedSize = stated;
    await upload(sftp, { files: local, path: "/home/f" }, "g");
    expect([local.opens, local.openCount]).toEqual([2, 0]);
    expect(isSame(server.files.find("g").data, pattern(10))).toBe(true);
  });

  it("is not renamed if the write fails, and is removed", async () => {
    const { sftp, server, local } = await open({
      answer({ token, request }, machine) {
        if (request.type === "write") machine.status(token, SSH_FX.FAILURE, "disk full");
        return request.type === "write";
      },
    });
    make(local, "/home/f", 10);
    make(server, "/home/g", 3);
    const error = await failure(upload(sftp, { files: local, path: "/home/f" }, "g"));
    expect(error).toMatchObject({ code: "sftp-failure", serverMessage: "disk full" });
    expect(server.requests).not.toContain("posix-rename");
    expect([...server.files.find("/home").entries.keys()]).toEqual(["g"]);
    expect(server.files.find("g").data.length).toBe(3);
  });
});

describe("the download of a short file", () => {
  it.each([0, 1, SHORT_LENGTH])("takes two round trips with %i bytes: the close follows the read", async (length) => {
    const { sftp, server, local } = await open();
    make(server, "/home/f", length);
    const { writes } = server;
    await download(sftp, "f", { files: local, path: "/home/g" });
    expect(server.requests).toEqual(["stat", "open", "read", "close"]);
    expect(server.writes - writes).toBe(3);
    expect(local.openCount).toBe(0);
    expect(isSame(local.files.find("/home/g").data, pattern(length))).toBe(true);
  });

  it.each([
    ["longer", 20],
    ["shorter", 5],
    ["empty", 0],
  ])("has all bytes of a file that is %s when it is read", async (_, length) => {
    const { sftp, server, local } = await open({
      answer({ request }) {
        if (request.type === "open") make(server, "/home/f", length);
        return false;
      },
    });
    make(server, "/home/f", 10);
    await download(sftp, "f", { files: local, path: "/home/g" });
    expect(isSame(local.files.find("/home/g").data, pattern(length))).toBe(true);
    await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
  });

  it("has all bytes if the server sends them in several replies", async () => {
    const { sftp, server, local } = await open({
      answer({ token, request }, machine) {
        if (request.type !== "read" || request.offset >= 1000) return false;
        const end = request.offset + Math.min(request.length, 300);
        machine.data(token, request.handle.node.data.subarray(request.offset, end));
        return true;
      },
    });
    make(server, "/home/f", 1000);
    await download(sftp, "f", { files: local, path: "/home/g" });
    expect(isSame(local.files.find("/home/g").data, pattern(1000))).toBe(true);
  });
});

describe("many short requests", () => {
  it("leave together while the server is busy with others, and not later than a millisecond", async () => {
    const held: (() => void)[] = [];
    let isHeld = true;
    const { sftp, server } = await open({
      answer({ token }, machine) {
        if (isHeld) held.push(() => machine.status(token, SSH_FX.NO_SUCH_FILE));
        return isHeld;
      },
    });
    const stats = (count: number): Promise<unknown> =>
      Promise.allSettled(Array.from({ length: count }, () => sftp.stat("f")));
    const { writes } = server;
    const first = stats(COLLECT_AT);
    await expect.poll(() => held.length, { timeout: 10_000 }).toBe(COLLECT_AT);
    // These arrive in several turns, and wait for each other.
    const later = [];
    for (let turn = 0; turn < 5; turn++) {
      later.push(stats(2));
      await Promise.resolve();
      await Promise.resolve();
    }
    expect([server.writes - writes, held.length]).toEqual([1, COLLECT_AT]);
    // The server answers none of the first ones.
    await expect.poll(() => held.length, { timeout: 10_000 }).toBe(COLLECT_AT + 10);
    expect(server.writes - writes).toBe(2);
    isHeld = false;
    for (const answer of held) answer();
    server.flush();
    await Promise.all([first, ...later]);
  });
});
