import { copy, download, type Sftp, SSH_FX, type TransferOptions, upload } from "@nacre/files";
import { MemoryLocalFiles } from "@nacre/testing/nacre/memory-local-files";
import type { MemorySftp, MemorySftpOptions } from "@nacre/testing/nacre/memory-sftp";
import { failure } from "@nacre/testing/nacre/outcomes";
import { sha256sum } from "@nacre/testing/nacre/sha256sum";
import { describe, expect, it } from "vitest";
import { partialName } from "../../src/transfer/resume.ts";
import { isSame, openMemorySftp, pattern } from "./support.ts";

/** Flags of an open that writes and creates. */
const CREATE = 0x0a;
const CONTENTS = pattern(300_000);
const SHA256 = { verify: "sha256" } as const;

async function open(options: MemorySftpOptions = {}) {
  const local = new MemoryLocalFiles();
  const opened = await openMemorySftp(options);
  const { files } = opened.server;
  const here = { files: local, path: "/home/local" };
  return { ...opened, local, files, here };
}

/** Reads contents to their end. */
async function sink(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of chunks);
}

/** Opens SFTP to a second server. */
async function other(options: MemorySftpOptions = {}): Promise<{ readonly to: Sftp; readonly target: MemorySftp }> {
  const { sftp: to, server: target } = await openMemorySftp(options);
  return { to, target };
}

describe("a server that runs no commands", () => {
  it("is asked for the file that an upload left there, which must be the same", async () => {
    for (const isDamaged of [false, true]) {
      const { sftp: client, server, local, files, here } = await open();
      local.files.open("/home/local", CREATE).data = CONTENTS;
      const onFile = (): void => {
        if (isDamaged) files.find("/home/remote").data[299_999]! ^= 1;
      };
      const uploading = upload(client, here, "remote", { ...SHA256, onFile });
      if (isDamaged) expect(await failure(uploading)).toMatchObject({ code: "sftp-failure" });
      else expect(await uploading).toMatchObject({ files: 1, verified: 1, unverified: [] });
      await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
    }
  });

  it("names a local file of Windows as it is typed", async () => {
    const { sftp: client, server } = await openMemorySftp();
    const local = new MemoryLocalFiles("windows");
    local.files.open("/home/C:\\a\\b", CREATE).data = CONTENTS;
    const here = { files: local, path: "/home/C:\\a\\b" };
    const onFile = (): void => {
      server.files.find("/home/remote").data[0]! ^= 1;
    };
    await expect(upload(client, here, "remote", { ...SHA256, onFile })).rejects.toThrow(
      '"/home/C:\\a\\b" is not the same on both sides',
    );
    const signal = AbortSignal.abort();
    await expect(upload(client, here, "remote", { signal })).rejects.toThrow('upload "/home/C:\\a\\b"');
  });

  it("is read to its end if it is longer than what was uploaded", async () => {
    // The file has the length of a block, so that the part that was uploaded arrives alone.
    const contents = pattern(261_120);
    const { sftp: client, local, files, here } = await open();
    local.files.open("/home/local", CREATE).data = contents;
    const onFile = (): void => {
      files.find("/home/remote").data = new Uint8Array([...contents, 0]);
    };
    expect(await failure(upload(client, here, "remote", { ...SHA256, onFile }))).toMatchObject({
      code: "sftp-failure",
    });
  });

  it("is read twice for a download, and for a copy to another such server", async () => {
    const { sftp: client, files, local, here } = await open();
    const { to } = await other();
    files.open("/home/remote", CREATE).data = CONTENTS.slice();
    expect(await download(client, "remote", here, SHA256)).toMatchObject({ verified: 1 });
    expect(isSame(local.files.find("/home/local").data, CONTENTS)).toBe(true);
    expect(await copy(client, "remote", to, "copy", SHA256)).toMatchObject({ verified: 1 });
    const onFile = (): void => {
      files.find("/home/remote").data[0]! ^= 1;
    };
    expect(await failure(download(client, "remote", here, { ...SHA256, onFile }))).toMatchObject({
      code: "sftp-failure",
    });
    expect(await failure(copy(client, "remote", to, "copy", { ...SHA256, onFile }))).toMatchObject({
      code: "sftp-failure",
    });
  });

  it.each(["upload", "download"] as const)("has a part continued by %s, and then all of it compared", async (way) => {
    for (const isDamaged of [false, true]) {
      const { sftp: client, local, files, here } = await open();
      const [source, target] = way === "upload" ? [local.files, files] : [files, local.files];
      const name = way === "upload" ? "remote" : "local";
      source.open(`/home/${way === "upload" ? "local" : "remote"}`, CREATE).data = CONTENTS;
      const part = target.open(`/home/${partialName(name, { size: CONTENTS.length, mtimeMs: 2000 })!}`, CREATE);
      part.data = CONTENTS.slice(0, 100_000);
      if (isDamaged) part.data[5]! ^= 1;
      const options = { ...SHA256, resume: true } as const;
      const moving =
        way === "upload" ? upload(client, here, "remote", options) : download(client, "remote", here, options);
      if (isDamaged)
        expect(await failure(moving)).toMatchObject({
          code: "sftp-failure",
          message: expect.stringContaining("not the same on both sides"),
        });
      else
        expect(await moving).toMatchObject({
          bytes: 200_000,
          resumed: [{ path: "", bytes: 100_000 }],
          verified: 1,
          unverified: [],
        });
      expect(local.openCount).toBe(0);
    }
  });
});

/** A server whose listings and `stat` state a size that the contents do not have; at the end of a file it states `atEnd`. */
const stating = (size: number, atEnd: number | undefined = size): MemorySftpOptions => ({
  exec: sha256sum,
  answer({ token, request }, machine) {
    const stated = request.type === "fstat" ? atEnd : size;
    if (request.type !== "stat" && request.type !== "fstat" && request.type !== "readdir") return false;
    if (request.type === "stat" && new TextDecoder().decode(request.path) === "t") return false;
    const attributes = { permissions: 0o100_644, ...(stated !== undefined && { size: BigInt(stated) }) };
    if (request.type !== "readdir") machine.attributes(token, attributes);
    else if (request.handle.unsent.splice(0).length === 0) machine.status(token, SSH_FX.EOF);
    else machine.names(token, [{ filename: new TextEncoder().encode("f"), longname: new Uint8Array(0), attributes }]);
    return true;
  },
});

describe("a file that ends before the stated size", () => {
  const ended = { code: "sftp-failure", message: expect.stringMatching(/ended after 5 bytes.* size of \d+;.*cat/) };

  it.each<[string, TransferOptions]>([
    ["without options", {}],
    ["with `verify`", SHA256],
    ["with `resume`", { resume: true }],
    ["with `limit`", { limit: 10_000_000 }],
  ])("fails a download %s, and leaves nothing under its name", async (_, options) => {
    // A file of /sys states the length of a page.
    for (const size of [4096, 1_000_000]) {
      const { sftp: client, server, local, files, here } = await open(stating(size));
      files.open("/home/f", CREATE).data = CONTENTS.slice(0, 5);
      expect(await failure(download(client, "f", here, options))).toMatchObject(ended);
      expect(local.tree("/home").filter((path) => path.startsWith("local"))).toEqual([]);
      expect(local.openCount).toBe(0);
      await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
    }
  });

  it("fails in a tree, for a function, and in a copy to another server", async () => {
    const { sftp: client, local, files, here } = await open(stating(1_000_000));
    const { to, target } = await other();
    files.makeDirectory("/home/t");
    files.open("/home/t/f", CREATE).data = CONTENTS.slice(0, 5);
    const options = { recursive: true, onError: "skip" } as const;
    expect((await download(client, "t", here, options)).failed).toMatchObject([{ path: "f", error: ended }]);
    expect(local.tree("/home/local")).toEqual([]);
    expect(await failure(download(client, "t/f", sink))).toMatchObject(ended);
    expect(await failure(copy(client, "t/f", to, "copy"))).toMatchObject(ended);
    expect([...target.files.find("/home").entries.keys()]).toEqual([]);
  });

  it("fails if the server states no size at its end", async () => {
    const {
      sftp: client,
      files,
      here,
    } = await open({
      ...stating(1_000_000),
      answer: (event, machine) => {
        if (event.request.type !== "fstat") return stating(1_000_000).answer!(event, machine);
        machine.attributes(event.token, {});
        return true;
      },
    });
    files.open("/home/f", CREATE).data = CONTENTS.slice(0, 5);
    expect(await failure(download(client, "f", here))).toMatchObject(ended);
  });

  it("is whole if it has become shorter meanwhile", async () => {
    const { sftp: client, local, files, here } = await open(stating(1_000_000, 5));
    files.open("/home/f", CREATE).data = CONTENTS.slice(0, 5);
    expect(await download(client, "f", here, SHA256)).toMatchObject({ files: 1, bytes: 5, verified: 1 });
    expect(local.files.find("/home/local").data.length).toBe(5);
  });
});
