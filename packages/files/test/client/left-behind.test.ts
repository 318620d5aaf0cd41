import { download, SSH_FX, type TransferOptions, upload } from "@nacre/files";
import type { SftpServerRequest } from "@nacre/sftp";
import { MemoryLocalFiles } from "@nacre/testing/nacre/memory-local-files";
import type { MemorySftpOptions } from "@nacre/testing/nacre/memory-sftp";
import { failure } from "@nacre/testing/nacre/outcomes";
import { SshError } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { openMemorySftp, pattern } from "./support.ts";

/** Flags of an open that writes and creates. */
const CREATE = 0x0a;

type RequestType = SftpServerRequest<never>["type"];

/** A server that refuses the requests of a type. */
function refusing(type: RequestType, extensions?: MemorySftpOptions["extensions"]): MemorySftpOptions {
  return {
    ...(extensions !== undefined && { extensions }),
    answer({ token, request }, machine) {
      if (request.type !== type) return false;
      machine.status(token, SSH_FX.PERMISSION_DENIED);
      return true;
    },
  };
}

/** A server that answers the requests of a type only when `speak` is called, with a refusal. It does not close a file before that. */
function silent(type: RequestType) {
  const held: (() => void)[] = [];
  let isSilent = true;
  const answer: MemorySftpOptions["answer"] = ({ token, request }, machine) => {
    if (request.type !== type) return false;
    const refuse = (): void => machine.status(token, SSH_FX.FAILURE);
    if (isSilent) held.push(refuse);
    else refuse();
    return true;
  };
  const speak = (): void => {
    isSilent = false;
    for (const refuse of held) refuse();
  };
  return { options: { answer }, speak };
}

/** A tree on each side: a short and a long file to move, and old files of these names at the target. */
async function open(options: MemorySftpOptions = {}) {
  const local = new MemoryLocalFiles();
  const { sftp, server } = await openMemorySftp(options);
  for (const { files } of [local, server]) {
    for (const directory of ["from", "to"]) files.makeDirectory(`/home/${directory}`);
    for (const [name, length] of [
      ["short", 100],
      ["long", 2_000_000],
    ] as const) {
      files.open(`/home/from/${name}`, CREATE).data = pattern(length);
      files.open(`/home/to/${name}`, CREATE).data = new TextEncoder().encode("old");
    }
  }
  const remote = new MemoryLocalFiles();
  Object.assign(remote, { files: server.files });
  const here = (path: string) => ({ files: local, path: `/home/${path}` });
  const run = (way: "upload" | "download", more: TransferOptions = {}) => {
    const given = { recursive: true, preserve: true, ...more };
    return way === "upload" ? upload(sftp, here("from"), "to", given) : download(sftp, "from", here("to"), given);
  };
  return { sftp, server, local, run, targets: { upload: remote, download: local } };
}

/** Fails as a local side whose disk is full. */
const full = async (): Promise<never> => {
  throw new SshError("file-unwritable", "the disk is full");
};

const OLD = ["long: old", "short: old"];

describe("a failed upload leaves no handle, no temporary file and the old files", () => {
  it.each<RequestType>(["open", "write", "fsetstat", "posix-rename"])("if the server refuses %s", async (type) => {
    const { server, local, run, targets } = await open(refusing(type));
    expect(await failure(run("upload"))).toMatchObject({ code: "sftp-permission-denied" });
    expect((await run("upload", { onError: "skip" })).failed.map(({ path }) => path).toSorted()).toEqual([
      "long",
      "short",
    ]);
    expect(targets.upload.tree("/home/to")).toEqual(OLD);
    expect(server.requests).not.toContain("rename");
    await expect.poll(() => [local.openCount, server.server.handleCount], { timeout: 10_000 }).toEqual([0, 0]);
  });

  it.each<RequestType>(["open", "write", "fsetstat", "posix-rename"])(
    "if the server falls silent at %s, and the caller gives up",
    async (type) => {
      const { options, speak } = silent(type);
      const { server, local, run, targets } = await open(options);
      const abort = new AbortController();
      const uploading = run("upload", { signal: abort.signal });
      await expect.poll(() => server.requests, { timeout: 10_000 }).toContain(type);
      abort.abort();
      expect(await failure(uploading)).toMatchObject({ code: "aborted" });
      speak();
      server.flush();
      await expect.poll(() => targets.upload.tree("/home/to"), { timeout: 10_000 }).toEqual(OLD);
      await expect.poll(() => [local.openCount, server.server.handleCount], { timeout: 10_000 }).toEqual([0, 0]);
    },
  );

  it("if the server lacks posix-rename and refuses to rename", async () => {
    const { server, local, run, targets } = await open(refusing("rename", ["fsync"]));
    expect((await run("upload", { onError: "skip" })).failed.map(({ path }) => path).toSorted()).toEqual([
      "long",
      "short",
    ]);
    expect(targets.upload.tree("/home/to")).toEqual(OLD);
    await expect.poll(() => [local.openCount, server.server.handleCount], { timeout: 10_000 }).toEqual([0, 0]);
  });
});

describe("a failed download leaves no handle, no temporary file and the old files", () => {
  it.each<RequestType>(["open", "read"])("if the server refuses %s", async (type) => {
    const { server, local, run, targets } = await open(refusing(type));
    expect(await failure(run("download"))).toMatchObject({ code: "sftp-permission-denied" });
    expect((await run("download", { onError: "skip" })).files).toBe(0);
    expect(targets.download.tree("/home/to")).toEqual(OLD);
    await expect.poll(() => [local.openCount, server.server.handleCount], { timeout: 10_000 }).toEqual([0, 0]);
  });

  it.each<RequestType>(["open", "read"])("if the server falls silent at %s, and the caller gives up", async (type) => {
    const { options, speak } = silent(type);
    const { server, local, run, targets } = await open(options);
    const abort = new AbortController();
    const downloading = run("download", { signal: abort.signal });
    await expect.poll(() => server.requests, { timeout: 10_000 }).toContain(type);
    abort.abort();
    expect(await failure(downloading)).toMatchObject({ code: "aborted" });
    speak();
    server.flush();
    expect(targets.download.tree("/home/to")).toEqual(OLD);
    await expect.poll(() => [local.openCount, server.server.handleCount], { timeout: 10_000 }).toEqual([0, 0]);
  });

  it("if a file of this side cannot be written, closed, given its attributes, or renamed", async () => {
    for (const step of ["write", "close", "setAttributes", "rename"] as const) {
      const { server, local, run, targets } = await open();
      const create = local.create.bind(local);
      if (step === "rename") local.rename = full;
      else
        local.create = async (path, mode) => {
          const file = await create(path, mode);
          const close = (): Promise<void> => file.close().then(step === "close" ? full : undefined);
          return { ...file, [step]: full, close };
        };
      const { failed } = await run("download", { onError: "skip" });
      expect(failed.map(({ path, error }) => `${path}: ${error.code}`).toSorted()).toEqual([
        "long: file-unwritable",
        "short: file-unwritable",
      ]);
      expect(targets.download.tree("/home/to")).toEqual(OLD);
      await expect.poll(() => [local.openCount, server.server.handleCount], { timeout: 10_000 }).toEqual([0, 0]);
    }
  });
});

describe("a failed rename", () => {
  it("removes nothing on a server with posix-rename", async () => {
    const { server, run, targets } = await open(refusing("posix-rename"));
    await failure(run("upload"));
    await failure(run("upload", { concurrency: 1, resume: true }));
    expect(targets.upload.tree("/home/to").filter((line) => !line.startsWith("."))).toEqual(OLD);
    expect(server.requests).not.toContain("rename");
  });

  it("fails with the server's answer if the server does not say what is in the way", async () => {
    for (const resume of [false, true]) {
      const { run } = await open({
        answer({ token, request }, machine) {
          if (request.type !== "posix-rename" && request.type !== "lstat") return false;
          machine.status(token, request.type === "lstat" ? SSH_FX.NO_SUCH_FILE : SSH_FX.PERMISSION_DENIED);
          return true;
        },
      });
      expect(await failure(run("upload", { resume }))).toMatchObject({ code: "sftp-permission-denied" });
    }
  });

  it("says that a directory is in the way, with and without posix-rename", async () => {
    for (const extensions of [["posixRename"], []] as const) {
      const local = new MemoryLocalFiles();
      const { sftp, server } = await openMemorySftp({ extensions });
      server.files.makeDirectory("/home/d");
      for (const [length, resume] of [
        [10, false],
        [100_000, false],
        [100_000, true],
      ] as const) {
        local.files.open("/home/f", CREATE).data = pattern(length);
        const error = await failure(upload(sftp, { files: local, path: "/home/f" }, "d", { resume }));
        expect(error).toMatchObject({
          code: "sftp-failure",
          message: '"d" on the server is a directory, and a file cannot replace it; name a file in it',
        });
      }
      expect([...server.files.find("/home").entries.keys()].filter((name) => !name.startsWith(".f"))).toEqual([
        "d",
        expect.stringMatching(/^\.d\.nacre-/),
      ]);
      await expect.poll(() => [local.openCount, server.server.handleCount], { timeout: 10_000 }).toEqual([0, 0]);
    }
  });
});
