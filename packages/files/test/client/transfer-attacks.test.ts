import { download, SSH_FX, upload } from "@nacre/files";
import { MemoryLocalFiles } from "@nacre/testing/nacre/memory-local-files";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { expect, test } from "vitest";
import { FilesTransfer } from "../../src/transfer/transfer.ts";
import { openMemorySftp, pattern } from "./support.ts";

// The names of these tests are in packages/testing/src/attacks/rows/sftp.ts.

/** Flags of an open that writes and creates. */
const CREATE = 0x0a;

function local(): { readonly files: MemoryLocalFiles; readonly path: string } {
  return { files: new MemoryLocalFiles(), path: "/home/copy" };
}

test("sftp: a download that ends before the stated size · client", async () => {
  const { sftp, server } = await openMemorySftp({
    answer({ token, request }, machine) {
      if (request.type !== "stat" && request.type !== "fstat") return false;
      machine.attributes(token, { permissions: 0o100_644, size: 1_000_000n });
      return true;
    },
  });
  await sftp.writeFile("f", "12345");
  const to = local();
  expect(await failure(download(sftp, "f", to))).toEqual(code("sftp-failure"));
  expect(to.files.tree("/home")).toEqual([]);
  await expect.poll(() => [to.files.openCount, server.server.handleCount], { timeout: 10_000 }).toEqual([0, 0]);
});

test("sftp: a copy of which the server gives no digest · client", async () => {
  const { sftp, server } = await openMemorySftp();
  const from = local();
  from.files.files.open(from.path, CREATE).data = pattern(100_000);
  const onFile = (): void => {
    server.files.find("/home/f").data[0]! ^= 1;
  };
  expect(await failure(upload(sftp, from, "f", { verify: "sha256", onFile }))).toEqual(code("sftp-failure"));
});

test("sftp: a file without an end · client", async () => {
  // Bytes that the server still sends, so that the test ends in any case.
  let left = 4_000_000;
  const { sftp, server } = await openMemorySftp({
    answer({ token, request }, machine) {
      if (request.type !== "read") return false;
      if (left <= 0) machine.status(token, SSH_FX.EOF);
      else machine.data(token, new Uint8Array(request.length));
      left -= request.length;
      return true;
    },
  });
  const to = local();
  await sftp.writeFile("f", "12345");
  const growing = download(sftp, "f", to, { maxGrowth: 1_000_000, onError: "skip" });
  expect((await growing).failed).toMatchObject([{ path: "", error: code("output-limit") }]);
  expect(to.files.tree("/home")).toEqual([]);

  // Without the option, 1 GiB.
  const chunk = new Uint8Array(64 * 1024 * 1024);
  let taken = 0;
  const source = {
    show: (path: string) => path,
    stat: async () => ({ type: "file", size: 0 }) as const,
    async *read() {
      for (let i = 0; i < 17; i++) yield chunk;
    },
  };
  const target = {
    lstat: async () => undefined,
    write: async (_: string, data: Uint8Array | AsyncIterable<unknown>) => {
      for await (const _chunk of data) taken += chunk.length;
    },
  };
  const call = { options: {}, name: "download", isOver: () => false };
  expect(await failure(new FilesTransfer(source, target, call).file("f", ""))).toEqual(code("output-limit"));
  expect(taken).toBe(1024 * 1024 * 1024);

  // A copy is not read without an end to verify it.
  to.files.files.open("/home/copy", CREATE).data = pattern(100_000);
  left = 64_000_000;
  expect(await failure(upload(sftp, to, "g", { verify: "sha256" }))).toEqual(code("sftp-failure"));
  expect(left).toBeGreaterThan(32_000_000);
  await expect.poll(() => [to.files.openCount, server.server.handleCount], { timeout: 10_000 }).toEqual([0, 0]);
});

test("sftp: files without an end · client", async () => {
  let listed = 0;
  const { sftp, server } = await openMemorySftp({
    answer({ token, request }, machine) {
      if (request.type !== "readdir" || listed >= 5000) return false;
      const names = Array.from({ length: 100 }, () => ({
        filename: new TextEncoder().encode(`${listed++}`),
        longname: new Uint8Array(0),
        attributes: { permissions: 0o100_644, size: 1n },
      }));
      for (const { filename } of names)
        server.files.open(`t/${new TextDecoder().decode(filename)}`, CREATE).data[0] = 1;
      machine.names(token, names);
      return true;
    },
  });
  await sftp.mkdir("t");
  const to = local();
  const options = { recursive: true, onError: "skip", maxFiles: 150 } as const;
  const error = await failure(download(sftp, "t", to, options));
  expect(error).toMatchObject({ code: "output-limit", message: expect.stringContaining("150 files") });
  expect(to.files.tree("/home/copy").length).toBeLessThanOrEqual(150);
  expect(listed).toBeLessThan(5000);
  await expect.poll(() => [to.files.openCount, server.server.handleCount], { timeout: 10_000 }).toEqual([0, 0]);
});
