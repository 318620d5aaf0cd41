import { download } from "@nacre/files";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { canSaveDirectories, saveDirectory, saveFile } from "@nacre/web/files";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { saveToBlob, saveToPrivateFile } from "../../src/files/save-file.ts";
import { fakePage } from "../support/fake-page.ts";
import { isSame, type MemoryServer, openMemorySftp, pattern } from "../support/memory-sftp.ts";
import { make, testDirectory, textOf, tree } from "../support/test-directory.ts";

const LENGTH = 3_000_001;
let remote: MemoryServer;

beforeEach(async () => {
  remote = await openMemorySftp();
  remote.make({ f: pattern(LENGTH), "t/": "", "t/a": "one" });
});

/** Makes the page's dialog answer with this. */
function stubPicker(name: "showSaveFilePicker" | "showDirectoryPicker", answer: () => Promise<unknown>): void {
  vi.stubGlobal(name, answer);
  onTestFinished(() => void vi.unstubAllGlobals());
}

async function isPattern(blob: Blob): Promise<boolean> {
  return isSame(new Uint8Array(await blob.arrayBuffer()), pattern(LENGTH));
}

describe("saveFile with a dialog", () => {
  let directory: FileSystemDirectoryHandle;
  let suggested: unknown;

  beforeEach(async () => {
    directory = await testDirectory();
    stubPicker("showSaveFilePicker", async (...options: unknown[]) => {
      suggested = options[0];
      return directory.getFileHandle("chosen", { create: true });
    });
  });

  it("writes the file that the user chose, and shows its contents when it is whole", async () => {
    const seen: string[] = [];
    const result = await saveFile("f", async (target) => {
      const done = await download(remote.sftp, "f", target, { onProgress: ({ bytes }) => void seen.push(`${bytes}`) });
      expect(seen.length).toBeGreaterThan(1);
      expect(await target.files.lstat(target.path)).toEqual({ type: "file", size: LENGTH });
      return done;
    });
    expect(result).toMatchObject({ files: 1, bytes: LENGTH });
    expect(suggested).toEqual({ suggestedName: "f" });
    expect(await isPattern(await (await directory.getFileHandle("chosen")).getFile())).toBe(true);
    expect(await tree(directory)).toHaveLength(1);
  });

  it("shows nothing of the file before it is whole, and removes it after an abort", async () => {
    const abort = new AbortController();
    const during: Promise<string>[] = [];
    const onProgress = (): void => {
      during.push(directory.getFileHandle("chosen").then(textOf));
      abort.abort();
    };
    const saving = saveFile("f", (target) => download(remote.sftp, "f", target, { onProgress, signal: abort.signal }));
    expect(await failure(saving)).toEqual(code("aborted"));
    expect((await Promise.allSettled(during)).filter((one) => one.status === "fulfilled" && one.value !== "")).toEqual(
      [],
    );
    expect(await tree(directory)).toEqual([]);
    await expect.poll(() => remote.server.server.handleCount, { timeout: 10_000 }).toBe(0);
  });

  it("removes the file if `write` resolves without writing", async () => {
    await saveFile("f", (target) => download(remote.sftp, "gone", target).catch(() => {}));
    expect(await tree(directory)).toEqual([]);
  });

  it("rejects with `usage` for an invalid `maxBlobSize`, before the dialog", async () => {
    suggested = undefined;
    for (const maxBlobSize of [-1, 1.5, "1"])
      expect(await failure(saveFile("f", async () => {}, { maxBlobSize: maxBlobSize as number }))).toEqual(
        code("usage"),
      );
    expect(suggested).toBeUndefined();
  });

  it.each([
    ["AbortError", "aborted"],
    ["SecurityError", "not-supported-here"],
  ])("rejects when the dialog ends with %s", async (name, expected) => {
    stubPicker("showSaveFilePicker", () => Promise.reject(new DOMException("no", name)));
    const write = vi.fn();
    expect(await failure(saveFile("f", write))).toEqual(code(expected));
    expect(write).not.toHaveBeenCalled();
  });
});

describe("saveFile without a dialog", () => {
  it("rejects in a worker", async () => {
    stubPicker("showSaveFilePicker", undefined as never);
    vi.stubGlobal("HTMLAnchorElement", undefined);
    expect(await failure(saveFile("f", async () => {}))).toEqual(code("not-supported-here"));
  });

  it("hands over a file of the origin-private file system, and removes those of closed pages", async () => {
    const handedOver = fakePage();
    const root = await navigator.storage.getDirectory();
    await make(root, { "nacre-downloads/abandoned/contents": "of a closed page" });
    stubPicker("showSaveFilePicker", undefined as never);
    await saveFile("f.bin", (target) => download(remote.sftp, "f", target));
    expect(handedOver.map(({ name }) => name)).toEqual(["f.bin"]);
    expect(await isPattern(handedOver[0]!.blob)).toBe(true);
    const downloads = await root.getDirectoryHandle("nacre-downloads");
    // The files of pages that are still open stay: the browser may still copy them.
    expect(await tree(downloads)).not.toContain("abandoned/");
    const before = (await tree(downloads)).length;
    expect(before).toBeGreaterThanOrEqual(2);
    await saveToPrivateFile("g", (target) => download(remote.sftp, "t/a", target));
    expect((await tree(downloads)).length).toBe(before + 2);
    expect(await isPattern(handedOver[0]!.blob)).toBe(true);
  });

  it("removes its file of the origin-private file system after an abort", async () => {
    const handedOver = fakePage();
    const downloads = await (await navigator.storage.getDirectory()).getDirectoryHandle("nacre-downloads", {
      create: true,
    });
    await saveToPrivateFile("before", async () => {});
    const before = await tree(downloads);
    const abort = new AbortController();
    const options = { onProgress: () => abort.abort(), signal: abort.signal };
    const saving = saveToPrivateFile("f", (target) => download(remote.sftp, "f", target, options));
    expect(await failure(saving)).toEqual(code("aborted"));
    expect(handedOver).toEqual([]);
    expect(await tree(downloads)).toEqual(before);
  });

  it("hands over a file in memory where there is no file system", async () => {
    const handedOver = fakePage();
    await saveToBlob("f.bin", LENGTH, (target) => download(remote.sftp, "f", target));
    expect(handedOver.map(({ name }) => name)).toEqual(["f.bin"]);
    expect(await isPattern(handedOver[0]!.blob)).toBe(true);
  });

  it("rejects with `output-limit` one byte above the limit of memory", async () => {
    const handedOver = fakePage();
    const saving = saveToBlob("f", LENGTH - 1, (target) => download(remote.sftp, "f", target));
    expect(await failure(saving)).toEqual(code("output-limit"));
    expect(handedOver).toEqual([]);
    await expect.poll(() => remote.server.server.handleCount, { timeout: 10_000 }).toBe(0);
  });
});

describe("saveDirectory", () => {
  it("writes a directory in the one that the user chose", async () => {
    const directory = await testDirectory();
    stubPicker("showDirectoryPicker", async (...options: unknown[]) => {
      expect(options).toEqual([{ mode: "readwrite" }]);
      return directory;
    });
    expect(canSaveDirectories()).toBe(true);
    await saveDirectory("copy", (target) => download(remote.sftp, "t", target, { recursive: true }));
    expect(await tree(directory)).toEqual(["copy/", "copy/a: one"]);
  });

  it("rejects where the browser writes no directories", async () => {
    stubPicker("showDirectoryPicker", undefined as never);
    expect(canSaveDirectories()).toBe(false);
    expect(await failure(saveDirectory("copy", async () => {}))).toEqual(code("not-supported-here"));
  });

  it("rejects with `aborted` if the user chooses no directory", async () => {
    stubPicker("showDirectoryPicker", () => Promise.reject(new DOMException("no", "AbortError")));
    expect(await failure(saveDirectory("copy", async () => {}))).toEqual(code("aborted"));
  });
});
