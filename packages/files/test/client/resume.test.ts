import { copy, download, sftp, type TransferOptions, type TransferResult, upload } from "@nacre/files";
import { SSH_FX, SSH_FXF } from "@nacre/sftp";
import { MemoryLocalFiles } from "@nacre/testing/nacre/memory-local-files";
import { MemorySftp, type MemorySftpOptions } from "@nacre/testing/nacre/memory-sftp";
import { failure } from "@nacre/testing/nacre/outcomes";
import { sha256sum } from "@nacre/testing/nacre/sha256sum";
import type { MemoryFiles, MemoryNode } from "@nacre/testing/sftp/memory-files";
import { SshError } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { parsePartialName, partialName } from "../../src/transfer/resume.ts";
import { isSame, pattern } from "./support.ts";

const SIZE = 2_500_000;
const CONTENTS = pattern(SIZE);

/** Two sides whose files outlive the connections. */
class Sides {
  readonly local = new MemoryLocalFiles();
  readonly remote: MemoryFiles = new MemorySftp().files;

  constructor() {
    for (const files of [this.local.files, this.remote]) files.open("/home/source", 0x0a, 0o644).data = CONTENTS;
  }

  /** Transfers the source to `copy` over a new connection. */
  async transfer(
    direction: "upload" | "download",
    options: TransferOptions = {},
    server: MemorySftpOptions = {},
  ): Promise<TransferResult> {
    const memory = new MemorySftp({ exec: sha256sum, ...server, files: this.remote });
    await using client = await sftp(memory);
    const given = { resume: true, ...options };
    const local = (path: string) => ({ files: this.local, path });
    return direction === "upload"
      ? await upload(client, local("/home/source"), "/home/copy", given)
      : await download(client, "/home/source", local("/home/copy"), given);
  }

  /** Transfers up to a position, at which the connection breaks. */
  async kill(direction: "upload" | "download", position: number): Promise<void> {
    let server: MemorySftp | undefined;
    const memory = new MemorySftp({
      files: this.remote,
      // A window of one block lets the position be met exactly enough.
      limits: { maxPendingBytes: 300_000 },
      answer({ request }) {
        if (request.type !== "write" && request.type !== "read") return false;
        if (request.offset < position) return false;
        server!.lose(new SshError("connection-lost", "the cable is cut"));
        return true;
      },
    });
    server = memory;
    const client = await sftp(memory);
    const local = (path: string) => ({ files: this.local, path });
    const work =
      direction === "upload"
        ? upload(client, local("/home/source"), "/home/copy", { resume: true })
        : download(client, "/home/source", local("/home/copy"), { resume: true });
    expect(await failure(work)).toMatchObject({ code: "connection-lost" });
  }

  /** The side that has the copy. */
  target(direction: "upload" | "download"): MemoryFiles {
    return direction === "upload" ? this.remote : this.local.files;
  }

  /** The side that has the original. */
  source(direction: "upload" | "download"): MemoryFiles {
    return direction === "upload" ? this.local.files : this.remote;
  }
}

/** Returns the names beside the source. */
function names(files: MemoryFiles): string[] {
  return [...files.find("/home").entries.keys()].filter((name) => name !== "source").sort();
}

/** Makes a partial file as an earlier transfer leaves it. */
function makePartial(files: MemoryFiles, contents: Uint8Array, record = { size: SIZE, mtimeMs: 2000 }): MemoryNode {
  const node = files.open(`/home/${partialName("copy", record)!}`, 0x0a, 0o600);
  node.data = contents.slice();
  return node;
}

/** Fails with a hostile message. */
const fails = () => ({ status: 127, stdout: new Uint8Array(0), stderr: new TextEncoder().encode("\u001b[2J") });

const directions = ["upload", "download"] as const;

describe.each(directions)("%s with `resume`", (direction) => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])("ends with the whole file after a kill at %i tenths", async (tenths) => {
    const sides = new Sides();
    await sides.kill(direction, (tenths * SIZE) / 10);
    const [partial, ...others] = names(sides.target(direction));
    expect(others).toEqual([]);
    expect(parsePartialName(partial!)).toEqual({ name: "copy", record: { size: SIZE, mtimeMs: 2000 } });
    const { length } = sides.target(direction).find(`/home/${partial!}`).data;
    const result = await sides.transfer(direction, { verify: "sha256" });
    expect(result).toMatchObject({ files: 1, bytes: SIZE - length, verified: 1, unverified: [] });
    expect(result.resumed).toEqual(length === 0 ? [] : [{ path: "", bytes: length }]);
    if (tenths >= 2) expect(length).toBeGreaterThan(0);
    expect(names(sides.target(direction))).toEqual(["copy"]);
    expect(isSame(sides.target(direction).find("/home/copy").data, CONTENTS)).toBe(true);
    expect(sides.local.openCount).toBe(0);
  });

  it.each([0o444, 0o000, 0o640])("continues a file of mode %o, which gets its mode in the end", async (mode) => {
    const sides = new Sides();
    sides.source(direction).find("/home/source").mode = mode;
    await sides.kill(direction, SIZE / 2);
    const target = sides.target(direction);
    const partial = target.find(`/home/${names(target)[0]!}`);
    expect(partial.mode & 0o777).toBe(mode | 0o600);
    const { length } = partial.data;
    expect(await sides.transfer(direction)).toMatchObject({ resumed: [{ path: "", bytes: length }], unset: [] });
    expect(target.find("/home/copy").mode & 0o777).toBe(mode);
    expect(sides.local.openCount).toBe(0);
  });

  it("moves only the rest, and reports the part as progress that does not count for the rate", async () => {
    const sides = new Sides();
    makePartial(sides.target(direction), CONTENTS.subarray(0, 1_000_000));
    const reports: number[] = [];
    const result = await sides.transfer(direction, { onProgress: ({ bytes }) => reports.push(bytes) });
    expect(result).toMatchObject({ bytes: 1_500_000, resumed: [{ path: "", bytes: 1_000_000 }], unverified: [] });
    expect(reports[0]).toBeGreaterThan(1_000_000);
    expect(reports.at(-1)).toBe(SIZE);
    expect(isSame(sides.target(direction).find("/home/copy").data, CONTENTS)).toBe(true);
  });

  it("takes a part that is complete", async () => {
    const sides = new Sides();
    makePartial(sides.target(direction), CONTENTS);
    expect(await sides.transfer(direction)).toMatchObject({ files: 1, bytes: 0, resumed: [{ path: "", bytes: SIZE }] });
    expect(names(sides.target(direction))).toEqual(["copy"]);
  });

  it("leaves the parts of files that it moves to them, also with `delete`", async () => {
    const sides = new Sides();
    const [source, target] = [sides.source(direction), sides.target(direction)];
    for (const files of [source, target]) files.makeDirectory("/home/t");
    source.open("/home/t/f", 0x0a).data = CONTENTS;
    const record = { size: SIZE, mtimeMs: 2000 };
    const left = partialName("gone", record)!;
    for (const name of [partialName("f", record)!, partialName("f", { ...record, size: 9 })!, left])
      target.open(`/home/t/${name}`, 0x0a).data = CONTENTS.slice(0, 1_000_000);
    await using client = await sftp(new MemorySftp({ exec: sha256sum, files: sides.remote }));
    const options = { resume: true, recursive: true, delete: true };
    const local = { files: sides.local, path: "/home/t" };
    const result =
      direction === "upload"
        ? await upload(client, local, "/home/t", options)
        : await download(client, "/home/t", local, options);
    expect(result).toMatchObject({ resumed: [{ path: "f", bytes: 1_000_000 }], deleted: [left], failed: [] });
    expect([...target.find("/home/t").entries.keys()]).toEqual(["f"]);
  });

  it("continues the longest part in a tree, and removes the others", async () => {
    const sides = new Sides();
    const target = sides.target(direction);
    const source = sides.source(direction);
    source.makeDirectory("/home/t");
    source.open("/home/t/f", 0x0a).data = CONTENTS;
    target.makeDirectory("/home/copied");
    for (const length of [100, 1_000_000, 50])
      target.open(`/home/copied/${partialName("f", { size: SIZE, mtimeMs: 2000 })!}`, 0x0a).data = CONTENTS.slice(
        0,
        length,
      );
    await using client = await sftp(new MemorySftp({ exec: sha256sum, files: sides.remote }));
    const options = { resume: true, recursive: true };
    const result =
      direction === "upload"
        ? await upload(client, { files: sides.local, path: "/home/t" }, "/home/copied", options)
        : await download(client, "/home/t", { files: sides.local, path: "/home/copied" }, options);
    expect(result.resumed).toEqual([{ path: "f", bytes: 1_000_000 }]);
    expect([...target.find("/home/copied").entries.keys()]).toEqual(["f"]);
    expect(isSame(target.find("/home/copied/f").data, CONTENTS)).toBe(true);
    expect(sides.local.openCount).toBe(0);
  });

  it("begins anew if the source has another size or time", async () => {
    for (const record of [
      { size: SIZE + 1, mtimeMs: 2000 },
      { size: SIZE, mtimeMs: 3000 },
    ]) {
      const sides = new Sides();
      makePartial(sides.target(direction), CONTENTS.subarray(0, 1_000_000), record);
      expect(await sides.transfer(direction)).toMatchObject({ bytes: SIZE, resumed: [] });
      expect(names(sides.target(direction))).toEqual(["copy"]);
    }
  });

  it("begins anew if the part differs from the source", async () => {
    const sides = new Sides();
    const damaged = CONTENTS.slice(0, 1_000_000);
    damaged[999_999]! ^= 1;
    makePartial(sides.target(direction), damaged);
    expect(await sides.transfer(direction)).toMatchObject({ bytes: SIZE, resumed: [] });
    expect(isSame(sides.target(direction).find("/home/copy").data, CONTENTS)).toBe(true);
    expect(names(sides.target(direction))).toEqual(["copy"]);
  });

  it("says that a part is unverified if the server cannot digest it", async () => {
    const sides = new Sides();
    makePartial(sides.target(direction), CONTENTS.subarray(0, 1_000_000));
    const { unverified, resumed } = await sides.transfer(direction, {}, { exec: fails });
    expect(resumed.length).toBe(1);
    expect(unverified).toEqual([{ path: "", reason: expect.stringContaining("status 127: \\x1b[2J") }]);
    expect(isSame(sides.target(direction).find("/home/copy").data, CONTENTS)).toBe(true);
  });

  it("continues no file of another user, with a second link, longer than its source, or that is a link", async () => {
    const unsuitable: ((files: MemoryFiles, node: MemoryNode) => void)[] = [
      (_, node) => {
        node.uid = 0;
      },
      (files) => files.hardlink(`/home/${names(files)[0]!}`, "/home/other"),
      (_, node) => {
        node.data = pattern(SIZE + 1);
      },
      (files, node) => {
        const [name] = names(files);
        files.remove(`/home/${name!}`, "file");
        files.find("/home").entries.set("victim", node);
        files.symlink("victim", `/home/${name!}`);
      },
    ];
    for (const change of unsuitable) {
      const sides = new Sides();
      const node = makePartial(sides.target(direction), CONTENTS.subarray(0, 1_000_000));
      change(sides.target(direction), node);
      const { data } = node;
      expect(await sides.transfer(direction)).toMatchObject({ bytes: SIZE, resumed: [] });
      expect(node.data).toBe(data);
      expect(sides.target(direction).find("/home/copy", false)).not.toBe(node);
      expect(isSame(sides.target(direction).find("/home/copy").data, CONTENTS)).toBe(true);
      expect(sides.local.openCount).toBe(0);
    }
  });

  it("begins anew if the part has become longer than its source since it was listed", async () => {
    const sides = new Sides();
    const target = sides.target(direction);
    const part = makePartial(target, CONTENTS.subarray(0, 1_000_000));
    const grow = (): void => {
      part.data = pattern(SIZE + 1);
    };
    const openPartial = sides.local.openPartial.bind(sides.local);
    sides.local.openPartial = (path) => {
      grow();
      return openPartial(path);
    };
    // Digests would tell, but this server has none.
    const result = await sides.transfer(
      direction,
      {},
      {
        exec: fails,
        answer({ request }) {
          if (request.type === "lstat" && new TextDecoder().decode(request.path).includes(".nacre-")) grow();
          return false;
        },
      },
    );
    expect(result).toMatchObject({ bytes: SIZE, resumed: [] });
    expect(isSame(target.find("/home/copy").data, CONTENTS)).toBe(true);
    // It is of no use to anybody any more.
    expect(names(target)).toEqual(["copy"]);
    expect(sides.local.openCount).toBe(0);
  });

  it("leaves no part without the option", async () => {
    const sides = new Sides();
    const abort = new AbortController();
    const options = { resume: false, signal: abort.signal, onProgress: () => abort.abort() };
    expect(await failure(sides.transfer(direction, options))).toMatchObject({ code: "aborted" });
    expect(names(sides.target(direction))).toEqual([]);
  });

  it("keeps what an aborted transfer has moved", async () => {
    const sides = new Sides();
    const abort = new AbortController();
    const onProgress = ({ bytes }: { readonly bytes: number }): void => {
      if (bytes > 1_000_000) abort.abort();
    };
    expect(await failure(sides.transfer(direction, { signal: abort.signal, onProgress }))).toMatchObject({
      code: "aborted",
    });
    const result = await sides.transfer(direction);
    expect(result.resumed.length).toBe(1);
    expect(result.bytes).toBeLessThan(SIZE);
    expect(isSame(sides.target(direction).find("/home/copy").data, CONTENTS)).toBe(true);
  });

  it("moves a file with a name of more than 200 bytes without a part", async () => {
    const sides = new Sides();
    const name = "x".repeat(201);
    const source = sides.source(direction);
    source.makeDirectory("/home/t");
    source.open(`/home/t/${name}`, 0x0a).data = CONTENTS;
    const target = sides.target(direction);
    const created: string[] = [];
    const create = target.open.bind(target);
    target.open = (path, flags, mode) => {
      if ((flags & SSH_FXF.CREAT) !== 0) created.push(path);
      return create(path, flags, mode);
    };
    await using client = await sftp(new MemorySftp({ files: sides.remote }));
    const options = { resume: true, recursive: true };
    const local = (path: string) => ({ files: sides.local, path });
    const result =
      direction === "upload"
        ? await upload(client, local("/home/t"), "/home/copied", options)
        : await download(client, "/home/t", local("/home/copied"), options);
    expect(result).toMatchObject({ files: 1, resumed: [] });
    expect([...target.find("/home/copied").entries.keys()]).toEqual([name]);
    // Its temporary name has no record of the source.
    expect(created).toEqual([expect.stringMatching(/\.nacre-[0-9a-f]{24}$/)]);
  });
});

it("begins a download anew on a local side that opens no partial files", async () => {
  const sides = new Sides();
  Object.assign(sides.local, { openPartial: undefined });
  makePartial(sides.local.files, CONTENTS.subarray(0, 1_000_000));
  expect(await sides.transfer("download")).toMatchObject({ files: 1, bytes: SIZE, resumed: [], failed: [] });
  expect(isSame(sides.local.files.find("/home/copy").data, CONTENTS)).toBe(true);
});

describe("a copy between servers with `resume`", () => {
  it("compares the digests of both", async () => {
    for (const isDamaged of [false, true]) {
      const from = new MemorySftp({ exec: sha256sum });
      const to = new MemorySftp({ exec: sha256sum });
      from.files.open("/home/source", 0x0a).data = CONTENTS;
      const part = makePartial(to.files, CONTENTS.subarray(0, 1_000_000));
      if (isDamaged) part.data[0]! ^= 1;
      await using one = await sftp(from);
      await using other = await sftp(to);
      const result = await copy(one, "source", other, "copy", { resume: true, verify: "sha256" });
      expect(result).toMatchObject({ bytes: isDamaged ? SIZE : 1_500_000, verified: 1, unverified: [] });
      expect(isSame(to.files.find("copy").data, CONTENTS)).toBe(true);
      expect(names(to.files)).toEqual(["copy"]);
    }
  });
});

describe("names of partial files", () => {
  it("record the source, and fit into 255 bytes", () => {
    const record = { size: Number.MAX_SAFE_INTEGER, mtimeMs: 4_000_000_000_000 };
    for (const name of ["a", ".nacre-x", "a\nb", "é".repeat(100)]) {
      const partial = partialName(name, record)!;
      expect(new TextEncoder().encode(partial).length).toBeLessThanOrEqual(255);
      expect(parsePartialName(partial)).toEqual({ name, record });
    }
    expect(partialName("é".repeat(101), record)).toBeUndefined();
  });

  it("are not taken from other names", () => {
    for (const name of [
      "a",
      ".a.nacre-0123456789abcdef01234567",
      ".a.nacre-0123-1-1",
      "a.nacre-0123456789abcdef01234567-1-1",
    ])
      expect(parsePartialName(name)).toBeUndefined();
  });
});

it("an upload begins anew if the server refuses to open the part, and removes it", async () => {
  const sides = new Sides();
  makePartial(sides.remote, CONTENTS.subarray(0, 1_000_000));
  const refusing: MemorySftpOptions = {
    answer({ token, request }, machine) {
      const isRefused = request.type === "open" && request.flags === (SSH_FXF.READ | SSH_FXF.WRITE);
      if (isRefused) machine.status(token, SSH_FX.PERMISSION_DENIED);
      return isRefused;
    },
  };
  expect(await sides.transfer("upload", {}, refusing)).toMatchObject({ bytes: SIZE, resumed: [] });
  expect(names(sides.remote)).toEqual(["copy"]);
});

it("an upload that is aborted while it looks for its own user leaves no temporary file", async () => {
  for (const type of ["open", "fstat"] as const) {
    const sides = new Sides();
    makePartial(sides.remote, CONTENTS.subarray(0, 1_000_000));
    const left = names(sides.remote);
    const abort = new AbortController();
    const aborting: MemorySftpOptions = {
      answer({ request }) {
        if (request.type === type) abort.abort();
        return false;
      },
    };
    const work = sides.transfer("upload", { signal: abort.signal }, aborting);
    expect(await failure(work)).toMatchObject({ code: "aborted" });
    expect(names(sides.remote)).toEqual(left);
  }
});
