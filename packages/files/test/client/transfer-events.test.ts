import { download, type TransferOptions, type TransferProgress, type TransferredFile, upload } from "@nacre/files";
import { MemoryLocalFiles } from "@nacre/testing/nacre/memory-local-files";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { describe, expect, it } from "vitest";
import { openMemorySftp, pattern } from "./support.ts";

/** Flags of an open that writes and creates. */
const CREATE = 0x0a;

async function open(way: "upload" | "download") {
  const { sftp, server } = await openMemorySftp();
  const local = new MemoryLocalFiles();
  const [source, target] = way === "upload" ? [local.files, server.files] : [server.files, local.files];
  const here = (path: string) => ({ files: local, path: `/home/${path}` });
  const run = (from: string, to: string, options: TransferOptions) =>
    way === "upload" ? upload(sftp, here(from), to, options) : download(sftp, from, here(to), options);
  return { source, target, local, server, run };
}

describe.each(["upload", "download"] as const)("`onFile` of an %s", (way) => {
  it("gets each file when it is whole at the target, behind the progress that counts it", async () => {
    const { source, target, run } = await open(way);
    source.makeDirectory("/home/t");
    source.makeDirectory("/home/t/d");
    source.open("/home/t/short", CREATE).data = pattern(5);
    source.open("/home/t/d/long", CREATE).data = pattern(300_000);
    const events: (readonly [string, number])[] = [];
    const options = {
      recursive: true,
      onProgress: ({ path, files }: TransferProgress) => void events.push([path, files]),
      onFile({ path, size }: TransferredFile) {
        expect(target.find(`/home/copy/${path}`).data.length).toBe(size);
        events.push([`${path} of ${size}`, -1]);
      },
    };
    await run("t", "copy", options);
    for (const [path, size] of [
      ["short", 5],
      ["d/long", 300_000],
    ] as const) {
      const at = events.findIndex(([text]) => text === `${path} of ${size}`);
      expect(events.slice(at).filter(([text]) => text === `${path} of ${size}`)).toHaveLength(1);
      expect(events[at - 1]).toEqual([path, expect.any(Number)]);
      expect(events[at - 1]![1]).toBeGreaterThan(0);
    }
    const single: TransferredFile[] = [];
    await run("t/short", "one", { onFile: (file) => single.push(file) });
    expect(single).toEqual([{ path: "", size: 5 }]);
  });

  it("gets no file that failed or that the target has", async () => {
    const { source, run } = await open(way);
    source.makeDirectory("/home/t");
    source.open("/home/t/f", CREATE).data = pattern(5);
    const found: TransferredFile[] = [];
    const options = {
      recursive: true,
      update: "size-mtime",
      onFile: (file: TransferredFile) => found.push(file),
    } as const;
    await run("t", "copy", options);
    await run("t", "copy", options);
    expect(found).toEqual([{ path: "f", size: 5 }]);
  });

  it("ends the transfer with its exception, and leaves nothing open", async () => {
    const { source, local, server, run } = await open(way);
    source.open("/home/f", CREATE).data = pattern(5);
    const bug = new Error("bug");
    const throws = (): never => {
      throw bug;
    };
    expect(await failure(run("f", "copy", { onFile: throws, onError: "skip" }))).toBe(bug);
    expect(await failure(run("f", "copy", { onFile: "print" as never }))).toEqual(code("usage"));
    await expect.poll(() => [local.openCount, server.server.handleCount], { timeout: 10_000 }).toEqual([0, 0]);
  });
});
