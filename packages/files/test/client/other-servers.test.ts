import { type Sftp, SSH_FX, sftp, upload } from "@nacre/files";
import { macrotask } from "@nacre/testing/macrotask";
import { MemoryLocalFiles } from "@nacre/testing/nacre/memory-local-files";
import { MemorySftp, type MemorySftpOptions } from "@nacre/testing/nacre/memory-sftp";
import { failure } from "@nacre/testing/nacre/outcomes";
import { SshError } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { make, openMemorySftp, pattern, tree } from "./support.ts";

/** Flags of an open that writes and creates. */
const CREATE = 0x0a;
/** Longer than one write, so that it is not moved as a short file. */
const LONG = 100_000;

/** Local files with one of this length, whose mode and time are not those of a new file. */
function localFile(length: number): MemoryLocalFiles {
  const local = new MemoryLocalFiles();
  const node = local.files.open("/home/source", CREATE, 0o644);
  Object.assign(node, { data: pattern(length), mode: 0o751, mtime: 1_234_567 });
  return local;
}

/** A server that refuses FSETSTAT with a status. */
function refusing(status: number, options: MemorySftpOptions = {}): MemorySftpOptions {
  return {
    ...options,
    answer({ token, request }, machine) {
      if (request.type === "fsetstat") machine.status(token, status);
      return request.type === "fsetstat";
    },
  };
}

describe.each([
  ["Twisted's", "SSH-2.0-Twisted_24.11.0"],
  ["one that keeps the order of requests", "SSH-2.0-OpenSSH_10.0"],
])("a server without FSETSTAT, %s", (_, serverVersion) => {
  const lacking = refusing(SSH_FX.OP_UNSUPPORTED, { serverVersion });

  it.each([0, 10, LONG])("gets the attributes of an upload of %i bytes", async (length) => {
    for (const extensions of [[], ["posixRename"]] as const) {
      const { sftp, server } = await openMemorySftp({ ...lacking, extensions });
      await upload(sftp, { files: localFile(length), path: "/home/source" }, "f", { preserve: true });
      expect(server.files.find("/home/f")).toMatchObject({ mode: 0o751, mtime: 1_234_567 });
      expect(server.files.find("/home/f").data).toHaveLength(length);
      expect([...server.files.find("/home").entries.keys()]).toEqual(["f"]);
      expect([server.closes, server.server.handleCount]).toEqual([1, 0]);
    }
  });

  it("gets those of a resumed upload, whose part has another name by then", async () => {
    const local = localFile(LONG);
    let cut = true;
    const memory: MemorySftp = new MemorySftp({
      ...lacking,
      answer(event, machine) {
        if (cut && event.request.type === "write" && event.request.offset > 0)
          memory.lose(new SshError("connection-lost", "the cable is cut"));
        return lacking.answer!(event, machine);
      },
    });
    const transfer = (client: Sftp): Promise<unknown> =>
      upload(client, { files: local, path: "/home/source" }, "f", { preserve: true, resume: true });
    await failure(transfer(await sftp(memory)));
    cut = false;
    const { sftp: again } = await openMemorySftp({ ...lacking, files: memory.files });
    await transfer(again);
    expect(memory.files.find("/home/f")).toMatchObject({ mode: 0o751, mtime: 1_234_567 });
  });

  it("gets those of copies, of files written in one step, and of open files", async () => {
    const { sftp, server } = await openMemorySftp(lacking);
    Object.assign(server.files.open("/home/source", CREATE, 0o644), { mode: 0o751, mtime: 1_234_567 });
    await sftp.cp("source", "copy", { preserveTimestamps: true });
    expect(server.files.find("/home/copy")).toMatchObject({ mode: 0o751, mtime: 1_234_567 });
    await sftp.writeFile("copy", "new", { atomic: true });
    expect(server.files.find("/home/copy").mode).toBe(0o751);
    const file = await sftp.open("copy", "r+");
    await file.chmod(0o600);
    await file.utimes(1, 2);
    await file.truncate(1);
    await file.close();
    expect(server.files.find("/home/copy")).toMatchObject({ mode: 0o600, mtime: 2 });
    expect(server.files.find("/home/copy").data).toHaveLength(1);
  });
});

describe.each([
  ["Twisted's", "SSH-2.0-Twisted_24.11.0"],
  ["one that keeps the order of requests", "SSH-2.0-OpenSSH_10.0"],
])("a server that sets no attributes, %s", (_, serverVersion) => {
  const without: MemorySftpOptions = {
    serverVersion,
    answer({ token, request }, machine) {
      const isSetting = request.type === "fsetstat" || request.type === "setstat";
      if (isSetting) machine.status(token, SSH_FX.OP_UNSUPPORTED);
      return isSetting;
    },
  };

  it.each([0, 10, LONG])("keeps an upload of %i bytes, whose result names the attributes", async (length) => {
    for (const extensions of [[], ["posixRename"]] as const)
      for (const options of [{ preserve: true }, { update: "size-mtime" }, { preserve: true, resume: true }] as const) {
        const { sftp, server } = await openMemorySftp({ ...without, extensions });
        const result = await upload(sftp, { files: localFile(length), path: "/home/source" }, "f", options);
        const attributes = "preserve" in options ? ["mode", "times"] : ["times"];
        const error = expect.objectContaining({ code: "sftp-unsupported" });
        expect(result).toMatchObject({ files: 1, failed: [], unset: [{ path: "", attributes, error }] });
        expect(server.files.find("/home/f").data).toHaveLength(length);
        expect([...server.files.find("/home").entries.keys()]).toEqual(["f"]);
        await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
      }
  });

  it("keeps a tree, with the names of its files and directories in the result", async () => {
    const local = localFile(10);
    local.files.makeDirectory("/home/t");
    local.files.open("/home/t/f", CREATE, 0o644).data = pattern(LONG);
    const { sftp, server } = await openMemorySftp(without);
    const options = { preserve: true, recursive: true } as const;
    const result = await upload(sftp, { files: local, path: "/home/t" }, "t", options);
    expect(result.unset.map(({ path }) => path).sort()).toEqual(["", "f"]);
    expect(server.files.find("/home/t/f").data).toHaveLength(LONG);
  });
});

/**
 * Uploads over a file of a server that renames to new names only. `onRename` may answer the rename that comes after `count` others;
 * `refusals` are the statuses of other requests.
 */
async function replace(
  onRename: (count: number, server: MemorySftp) => number | "unanswered" | undefined,
  refusals: Readonly<Record<string, number>> = {},
) {
  let count = 0;
  const opened: Awaited<ReturnType<typeof openMemorySftp>> = await openMemorySftp({
    extensions: [],
    answer({ token, request: { type } }, machine) {
      const status = type === "rename" ? onRename(count++, opened.server) : refusals[type];
      if (typeof status === "number") machine.status(token, status);
      return status !== undefined;
    },
  });
  const { sftp, server } = opened;
  const local = new MemoryLocalFiles();
  make(server.files, { "/home/f": "old" });
  make(local.files, { "/home/f": "new" });
  const abort = new AbortController();
  return { server, abort, work: upload(sftp, { files: local, path: "/home/f" }, "f", { signal: abort.signal }) };
}

/** Rejects unless `work` fails with a code. Resolves with the name of the old file in the message. */
async function asideAfter(work: Promise<unknown>, code: string): Promise<string> {
  const error = await failure(work);
  const message = expect.stringMatching(/"\.f\.nacre-[0-9a-f]{24}"/);
  expect(error).toMatchObject({ code, message });
  return /"(\.f\.nacre-\w+)"/.exec((error as SshError).message)![1]!;
}

describe("a server that renames to new names only", () => {
  it("gets an upload to a new name with no further request", async () => {
    const { sftp, server } = await openMemorySftp({ extensions: [] });
    await upload(sftp, { files: localFile(3), path: "/home/source" }, "f");
    expect(server.requests).toEqual(["open", "write", "close", "rename"]);
  });

  it("has the old file under another name until the new one is in place", async () => {
    const seen: string[][] = [];
    const { server, work } = await replace((_, { files }) => {
      const lines = tree(files, "/home").map((line) => line.replace(/[0-9a-f]{24}/, "N"));
      seen.push(lines.toSorted());
      return undefined;
    });
    await work;
    expect(seen).toEqual([
      [".f.nacre-N: new", "f: old"],
      [".f.nacre-N: new", "f: old"],
      [".f.nacre-N: new", ".f.nacre-N: old"],
    ]);
    expect(tree(server.files, "/home")).toEqual(["f: new"]);
  });

  it.each([
    ["sftp-no-such-file", SSH_FX.NO_SUCH_FILE],
    ["sftp-permission-denied", SSH_FX.PERMISSION_DENIED],
    ["sftp-failure", SSH_FX.FAILURE],
    ["sftp-unsupported", SSH_FX.OP_UNSUPPORTED],
  ])("keeps the old file if it renames nothing (%s)", async (code, status) => {
    const { server, work } = await replace(() => status);
    const message = expect.stringContaining("write the file in place, with `writeFile` or scp");
    expect(await failure(work)).toMatchObject({ code, message });
    expect(tree(server.files, "/home")).toEqual(["f: old"]);
  });

  it("gets the old file back if it then refuses the new one", async () => {
    const { server, work } = await replace((count) => (count === 2 ? SSH_FX.FAILURE : undefined));
    expect(await failure(work)).toMatchObject({ code: "sftp-failure" });
    expect(tree(server.files, "/home")).toEqual(["f: old"]);
  });

  it("keeps the old file under the name in the error if it takes neither", async () => {
    const { server, work } = await replace((count) => (count > 1 ? SSH_FX.PERMISSION_DENIED : undefined));
    const aside = await asideAfter(work, "sftp-permission-denied");
    expect(tree(server.files, "/home")).toEqual([`${aside}: old`]);
  });

  it("keeps both files if it removes none, and the error has the name of the old one", async () => {
    const { server, work } = await replace(() => undefined, { remove: SSH_FX.PERMISSION_DENIED });
    const aside = await asideAfter(work, "sftp-permission-denied");
    expect(tree(server.files, "/home")).toEqual([`${aside}: old`, "f: new"]);
  });

  it.each([1, 2])("keeps both files if the connection is lost before rename %i, and says so", async (last) => {
    const { server, work } = await replace((count, memory) => {
      if (count < last) return undefined;
      memory.lose(new SshError("connection-lost", "the cable is cut"));
      return "unanswered";
    });
    const aside = await asideAfter(work, "connection-lost");
    const lines = tree(server.files, "/home");
    expect(lines).toContain(last === 1 ? "f: old" : `${aside}: old`);
    expect(lines).toHaveLength(2);
  });

  it.each([1, 2])("has one of the two files if the caller aborts at rename %i", async (last) => {
    const { server, abort, work } = await replace((count) => {
      if (count === last) abort.abort();
      return undefined;
    });
    expect(await failure(work)).toMatchObject({ code: "aborted" });
    expect(tree(server.files, "/home")).toEqual([expect.stringMatching(/^f: (?:old|new)$/)]);
  });
});

it.each([10, LONG])(
  "another refusal of FSETSTAT fails an upload of %i bytes, and sets nothing by path",
  async (length) => {
    const { sftp, server } = await openMemorySftp(refusing(SSH_FX.PERMISSION_DENIED));
    const work = upload(sftp, { files: localFile(length), path: "/home/source" }, "f", { preserve: true });
    expect(await failure(work)).toMatchObject({ code: "sftp-permission-denied" });
    expect(server.requests).not.toContain("setstat");
    expect([...server.files.find("/home").entries.keys()]).toEqual([]);
    await expect.poll(() => [server.closes, server.server.handleCount], { timeout: 10_000 }).toEqual([1, 0]);
  },
);

/** Runs `work` on a server that answers no write until all that can happen before has happened. Returns how many CLOSEs came before. */
async function closesBefore(work: (client: Sftp) => Promise<unknown>, options: MemorySftpOptions): Promise<number> {
  const held: (() => void)[] = [];
  const { sftp, server } = await openMemorySftp({
    ...options,
    answer({ token, request }, machine) {
      if (request.type !== "write") return false;
      held.push(() => {
        machine.status(token, SSH_FX.OK);
        server.flush();
      });
      return true;
    },
  });
  const done = work(sftp);
  await expect.poll(() => held.length, { timeout: 10_000 }).toBeGreaterThan(0);
  await macrotask();
  const { closes } = server;
  while (held.length > 0) {
    for (const answer of held.splice(0)) answer();
    await macrotask();
  }
  await done;
  expect([server.closes, server.server.handleCount]).toEqual([1, 0]);
  return closes;
}

describe("the CLOSE of a file that is being written", () => {
  const WRITES: readonly (readonly [string, (client: Sftp) => Promise<unknown>])[] = [
    ["writeFile, bytes in one write", (client) => client.writeFile("f", "abc", { flush: true })],
    ["writeFile, several writes", (client) => client.writeFile("f", [pattern(40_000), pattern(40_000)])],
    [
      "upload of a short file",
      (client) => upload(client, { files: localFile(10), path: "/home/source" }, "f", { preserve: true }),
    ],
    [
      "upload of a long file",
      (client) => upload(client, { files: localFile(LONG), path: "/home/source" }, "f", { preserve: true }),
    ],
    [
      "close() during write()",
      async (client) => {
        const file = await client.open("f", "w");
        await Promise.all([file.write("abc"), file.close()]);
      },
    ],
  ];

  it.each(WRITES)("waits for the answers to the writes on an unknown server: %s", async (_, work) => {
    expect(await closesBefore(work, { serverVersion: "SSH-2.0-Other_1.0" })).toBe(0);
  });

  it.each(WRITES)("follows the writes at once on OpenSSH and Nacre: %s", async (_, work) => {
    for (const serverVersion of ["SSH-2.0-OpenSSH_10.0", "SSH-2.0-Nacre_0.1.0"])
      expect(await closesBefore(work, { serverVersion })).toBe(1);
  });
});
