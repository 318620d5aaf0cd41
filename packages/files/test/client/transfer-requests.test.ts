import { type DigestExecOptions, download, SSH_FX, type TransferOptions, upload } from "@nacre/files";
import { macrotask } from "@nacre/testing/macrotask";
import { MemoryLocalFiles } from "@nacre/testing/nacre/memory-local-files";
import { MemorySftp, type MemorySftpOptions } from "@nacre/testing/nacre/memory-sftp";
import { failure } from "@nacre/testing/nacre/outcomes";
import { sha256sum } from "@nacre/testing/nacre/sha256sum";
import { describe, expect, it } from "vitest";
import { partsOf } from "../../src/remote/sftp.ts";
import { RemoteSource, RemoteTarget } from "../../src/transfer/sides/remote.ts";
import { RemoteDigests } from "../../src/transfer/sides/remote-digests.ts";
import { Transfer } from "../../src/transfer/transfer.ts";
import { openMemorySftp, pattern } from "./support.ts";

/** Flags of an open that writes and creates. */
const CREATE = 0x0a;

/** A server with a directory `t`, which has a file `f` of some length, and an empty local side. */
async function open(length: number, options: MemorySftpOptions = {}) {
  const { sftp, server } = await openMemorySftp(options);
  const local = new MemoryLocalFiles();
  server.files.makeDirectory("/home/t");
  server.files.open("/home/t/f", CREATE).data = pattern(length);
  const run = (given: TransferOptions = {}) =>
    download(sftp, "t", { files: local, path: "/home/copy" }, { recursive: true, ...given });
  /** Returns how many requests of a type the server received. */
  const count = (type: MemorySftp["requests"][number]): number =>
    server.requests.filter((request) => request === type).length;
  return { sftp, server, local, run, count };
}

describe("a download asks", () => {
  it("no attributes of a file that has its stated size, and no path without links to follow", async () => {
    const { run, count } = await open(1_000_000);
    await run();
    expect([count("fstat"), count("stat"), count("lstat"), count("realpath")]).toEqual([0, 1, 0, 0]);
  });

  it("no attributes of matches of a pattern whose directory it lists", async () => {
    const { sftp, server, local, count } = await open(10);
    for (let i = 0; i < 20; i++) server.files.open(`/home/t/${i}`, CREATE);
    expect(await download(sftp, { glob: "t/*" }, { files: local, path: "/home/copy" })).toMatchObject({ files: 21 });
    expect(count("lstat")).toBe(0);
  });

  it("the attributes of links that it follows, and of no other entry", async () => {
    const { server, run, count } = await open(10);
    server.files.symlink("f", "/home/t/l");
    expect(await run({ symlinks: "follow", filter: () => true })).toMatchObject({ files: 2 });
    // Those of the directory and of the link.
    expect(count("stat")).toBe(2);
  });

  it("once for each piece of a file at a limited rate", async () => {
    // A piece has 50,000 bytes.
    const { run, count } = await open(120_000);
    await run({ limit: 1_000_000 });
    expect(count("read")).toBe(3);
  });

  it("for at most eight directories at the same time", async () => {
    const waiting: (() => void)[] = [];
    let most = 0;
    const { server, run } = await open(10, {
      answer({ token, request }, machine) {
        if (request.type !== "opendir") return false;
        const node = server.files.find(new TextDecoder().decode(request.path));
        waiting.push(() => machine.handle(token, { node, isAppend: false, unsent: [...node.entries.keys()] }));
        void answerAll();
        return true;
      },
    });
    /** Answers when no further request arrives. */
    async function answerAll(): Promise<void> {
      const { length } = waiting;
      for (let i = 0; i < 10; i++) await macrotask();
      if (waiting.length !== length) return;
      most = Math.max(most, length);
      for (const answer of waiting.splice(0)) answer();
      server.flush();
    }
    for (let i = 0; i < 20; i++) server.files.makeDirectory(`/home/t/${i}`);
    expect(await run()).toMatchObject({ files: 1, directories: 21 });
    expect(most).toBe(8);
  });

  it("no digest of its own where the local side has one", async () => {
    const { local, run } = await open(10, { exec: sha256sum });
    const digested: number[] = [];
    const sha256 = () => ({
      update: (bytes: Uint8Array) => void digested.push(bytes.length),
      digest: () => "not the digest",
    });
    Object.assign(local, { sha256 });
    const { failed } = await run({ verify: "sha256", onError: "skip" });
    expect(digested).toEqual([10]);
    expect(failed).toMatchObject([{ path: "f", error: { message: expect.stringContaining("not the digest") } }]);
  });
});

it("a directory that the server refuses to list is listed once", async () => {
  const { sftp, server, local, count } = await open(10, {
    answer({ token, request }, machine) {
      if (request.type !== "opendir") return false;
      machine.status(token, SSH_FX.PERMISSION_DENIED);
      return true;
    },
  });
  local.files.makeDirectory("/home/copy");
  local.files.open("/home/copy/f", CREATE);
  const from = { files: local, path: "/home/copy" };
  const work = upload(sftp, from, "t", { recursive: true, update: "size-mtime" });
  expect(await failure(work)).toMatchObject({ code: "sftp-permission-denied" });
  expect(count("opendir")).toBe(1);
  expect(server.files.find("/home/t/f").data.length).toBe(10);
});

describe.each([10, 100_000])("`flush` stores a file of %i bytes", (length) => {
  it.each([false, true])("on the server before it gets its name, with `resume` %s", async (resume) => {
    const { server, local, sftp } = await open(length);
    local.files.open("/home/f", CREATE).data = pattern(length);
    await upload(sftp, { files: local, path: "/home/f" }, "f", { flush: true, resume });
    const stored = server.requests.filter((type) => ["write", "fsync", "close", "posix-rename"].includes(type));
    expect(stored.slice(stored.lastIndexOf("write"))).toEqual(["write", "fsync", "close", "posix-rename"]);
  });

  it.each([false, true])("of this side before it gets its name, with `resume` %s", async (resume) => {
    const { local, run } = await open(length);
    const steps: string[] = [];
    const create = local.create.bind(local);
    local.create = async (path, mode) => ({
      ...(await create(path, mode)),
      sync: async () => void steps.push(local.tree("/home/copy").join()),
    });
    await run({ resume });
    expect(steps).toEqual([]);
    await run({ resume, flush: true });
    expect(steps).toEqual([expect.stringMatching(/^\.f\.nacre-[^,]*,f: [^,]*$/)]);
  });
});

it("`flush` fails an upload to a server that cannot, and leaves nothing", async () => {
  const { server, local, sftp } = await open(10, { extensions: ["posixRename"] });
  local.files.open("/home/f", CREATE).data = pattern(10);
  const work = upload(sftp, { files: local, path: "/home/f" }, "f", { flush: true });
  expect(await failure(work)).toMatchObject({ code: "sftp-unsupported" });
  expect([...server.files.find("/home").entries.keys()]).toEqual(["t"]);
});

it("a copy between servers that digest their files computes no digest here", async () => {
  const { sftp, server } = await open(10, { exec: sha256sum });
  const other = await openMemorySftp({ exec: sha256sum });
  const options = { recursive: true, verify: "sha256" } as const;
  const transfer = new Transfer(
    new RemoteSource(partsOf(sftp).channel, server),
    new RemoteTarget(partsOf(other.sftp).channel, other.server),
    { name: "copy", options, isOver: () => false },
    {
      sha256: () => {
        throw new Error("a digest was computed here");
      },
    },
  );
  expect(await transfer.run("/home/t", "/home/copy")).toMatchObject({ files: 1, verified: 1 });
});

it("the command that digests files may print a line for each of them", async () => {
  const { sftp } = await openMemorySftp();
  let most = 0;
  const opener = {
    openChannel: async () => new MemorySftp().openChannel(),
    async exec(_: string, { maxOutput }: DigestExecOptions) {
      most = maxOutput!;
      return { status: 0, stdout: new Uint8Array(0), stderr: new Uint8Array(0) };
    },
  };
  const paths = Array.from({ length: 2000 }, (_, i) => `/home/${i}`);
  await new RemoteDigests(partsOf(sftp).channel, opener).whole(paths, { call: "upload", path: "" });
  // A digest, two characters, the name and NUL.
  expect(most).toBeGreaterThanOrEqual(paths.reduce((sum, { length }) => sum + 64 + 2 + length + 1, 0));
});
