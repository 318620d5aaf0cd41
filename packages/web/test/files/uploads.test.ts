import { upload } from "@nacre/files";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { chosenEntries, droppedEntries, type LocalEntry } from "@nacre/web/files";
import { describe, expect, it } from "vitest";
import { isSame, openMemorySftp, pattern } from "../support/memory-sftp.ts";
import { make, testDirectory } from "../support/test-directory.ts";

/** Returns a file as `<input webkitdirectory>` has it. */
function below(path: string, text: string): File {
  const file = new File([text], path.split("/").at(-1)!);
  Object.defineProperty(file, "webkitRelativePath", { value: path });
  return file;
}

/** Returns a drop with these items. Like a browser, it forgets them after the event's turn. */
function drop(...items: readonly object[]): Pick<DataTransfer, "items"> {
  const live = items.map((item) =>
    Object.fromEntries(
      Object.entries(item).map(([name, value]) => [
        name,
        typeof value === "function" ? (): unknown => (isOver ? null : (value as () => unknown)()) : value,
      ]),
    ),
  );
  let isOver = false;
  queueMicrotask(() => {
    isOver = true;
  });
  return { items: live as unknown as DataTransferItemList };
}

const noFile = { kind: "file", getAsFile: (): null => null };

async function uploadAll(entries: readonly LocalEntry[]): Promise<string[]> {
  const { sftp, server, tree } = await openMemorySftp();
  for (const entry of entries) await upload(sftp, entry, entry.name, { recursive: true });
  expect(server.server.handleCount).toBe(0);
  return tree("/home");
}

describe("chosenEntries", () => {
  it.each([0, 1, 65_535, 65_536, 524_287, 524_288, 524_289, 3_000_001])(
    "uploads a file of %i bytes",
    async (length) => {
      const { sftp, server } = await openMemorySftp();
      const [entry] = chosenEntries([new File([pattern(length)], "f")]);
      expect(entry).toMatchObject({ name: "f", type: "file" });
      expect(await upload(sftp, entry!, "g")).toMatchObject({ files: 1, bytes: length });
      expect(isSame(server.files.find("g").data, pattern(length))).toBe(true);
    },
  );

  it("makes one directory of the files below it", async () => {
    const entries = chosenEntries([below("d/a", "one"), below("d/e/b", "two"), below("d/e/c", "three")]);
    expect(entries).toMatchObject([{ name: "d", type: "directory", path: "/d" }]);
    expect(await uploadAll(entries)).toEqual(["d/", "d/a: one", "d/e/", "d/e/b: two", "d/e/c: three"]);
  });

  it("keeps times with `preserve`", async () => {
    const { sftp, server } = await openMemorySftp();
    const [entry] = chosenEntries([new File(["x"], "f", { lastModified: 1_600_000_000_000 })]);
    await upload(sftp, entry!, "f", { preserve: true });
    expect(server.files.find("f").mtime).toBe(1_600_000_000);
  });

  it("holds no more than two slices of a file", async () => {
    const { sftp } = await openMemorySftp();
    const file = new File([pattern(4_000_000)], "f");
    let underWay = 0;
    let most = 0;
    const slice = file.slice.bind(file);
    file.slice = (...range) => {
      const part = slice(...range);
      expect(part.size).toBeLessThanOrEqual(524_288);
      const arrayBuffer = part.arrayBuffer.bind(part);
      part.arrayBuffer = async () => {
        most = Math.max(most, ++underWay);
        return arrayBuffer().finally(() => underWay--);
      };
      return part;
    };
    await upload(sftp, chosenEntries([file])[0]!, "f");
    expect(most).toBe(1);
  });

  it("rejects with the path when a file changed after it was chosen, and leaves nothing on the server", async () => {
    const { sftp, tree } = await openMemorySftp();
    const file = new File([pattern(2_000_000)], "f\u202e");
    const slice = file.slice.bind(file);
    file.slice = (start = 0, end) => {
      const part = slice(start, end);
      if (start > 1_000_000) part.arrayBuffer = () => Promise.reject(new DOMException("no", "NotReadableError"));
      return part;
    };
    const error = await failure(upload(sftp, chosenEntries([file])[0]!, "f"));
    expect(error).toEqual(code("file-unreadable"));
    expect(error).toMatchObject({
      message: expect.stringMatching(/^cannot read \/f\\u\{202e\}: it cannot be read, or/),
    });
    expect(tree("/home")).toEqual([]);
  });

  it("is a source only: it refuses to write", async () => {
    const { files } = chosenEntries([new File(["x"], "f")])[0]!;
    const writes = [
      files.create("/g", undefined),
      files.rename("/f", "/g"),
      files.remove("/f"),
      files.makeDirectory("/d", undefined),
      files.symlink("f", "/l"),
    ];
    expect(await Promise.all(writes.map(failure))).toEqual(writes.map(() => code("file-unwritable")));
  });
});

describe("droppedEntries", () => {
  it("takes directories and files by their handles", async () => {
    const directory = await testDirectory();
    await make(directory, { "d/a": "one", "d/e/": "", "d/f/b": "two", g: "three" });
    const handles = [await directory.getDirectoryHandle("d"), await directory.getFileHandle("g")];
    const items = handles.map((handle) => ({ ...noFile, getAsFileSystemHandle: () => Promise.resolve(handle) }));
    const entries = await droppedEntries(drop(...items));
    expect(entries).toMatchObject([
      { name: "d", type: "directory" },
      { name: "g", type: "file" },
    ]);
    expect(await uploadAll(entries)).toEqual(["d/", "d/a: one", "d/e/", "d/f/", "d/f/b: two", "g: three"]);
  });

  it("lists a directory of more entries than one batch", async () => {
    const directory = await testDirectory();
    const names = Array.from({ length: 150 }, (_, i) => `f${String(i).padStart(3, "0")}`);
    await make(directory, Object.fromEntries(names.map((name) => [`d/${name}`, name])));
    const handle = await directory.getDirectoryHandle("d");
    const entries = await droppedEntries(drop({ ...noFile, getAsFileSystemHandle: () => Promise.resolve(handle) }));
    expect(await uploadAll(entries)).toEqual(["d/", ...names.map((name) => `d/${name}: ${name}`)]);
  });

  it.each([undefined, (): Promise<never> => Promise.reject(new DOMException("no", "NotAllowedError"))])(
    "takes directories and files by their entries where there are no handles: %s",
    async (getAsFileSystemHandle) => {
      const items = [
        legacyDirectory("d", [legacyFile("a", "one"), legacyDirectory("e", [legacyFile("b", "two")])]),
        legacyFile("g", "three"),
      ].map((entry) => ({ ...noFile, getAsFileSystemHandle, webkitGetAsEntry: () => entry }));
      const entries = await droppedEntries(drop(...items));
      expect(entries.map(({ type }) => type)).toEqual(["directory", "file"]);
      expect(await uploadAll(entries)).toEqual(["d/", "d/a: one", "d/e/", "d/e/b: two", "g: three"]);
    },
  );

  it("takes files where there are neither, and leaves out text", async () => {
    const text = { kind: "string", getAsFile: (): null => null };
    const file = { kind: "file", getAsFile: (): File => new File(["one"], "f") };
    expect(await uploadAll(await droppedEntries(drop(text, file)))).toEqual(["f: one"]);
    expect(await droppedEntries(null)).toEqual([]);
  });
});

function legacyFile(name: string, text: string): object {
  return { name, isDirectory: false, file: (resolve: (file: File) => void) => resolve(new File([text], name)) };
}

/** Returns an entry of the File and Directory Entries API, which reads one entry at a time. */
function legacyDirectory(name: string, entries: readonly object[]): object {
  type Entry = { readonly name: string; readonly isDirectory: boolean };
  const find =
    (isDirectory: boolean) =>
    (name: string, _: object, resolve: (entry: Entry) => void, reject: (error: Error) => void): void => {
      const entry = (entries as readonly Entry[]).find((one) => one.name === name);
      if (entry === undefined) reject(new DOMException("no", "NotFoundError"));
      else if (entry.isDirectory !== isDirectory) reject(new DOMException("no", "TypeMismatchError"));
      else resolve(entry);
    };
  return {
    name,
    isDirectory: true,
    getFile: find(false),
    getDirectory: find(true),
    createReader() {
      const rest = [...entries];
      return { readEntries: (resolve: (entries: readonly object[]) => void) => resolve(rest.splice(0, 1)) };
    },
  };
}
