import { describe, expect, it } from "vitest";
import { crumbs, type FolderEntry, joinPath, sorted } from "../page/files/folder.ts";
import { formatDate, formatDuration, formatFiles, formatProgress } from "../page/files/texts.ts";

describe("texts of the file panel", () => {
  it("a recent date shows its time, another one its year", () => {
    const date = new Date(2026, 10, 7, 8, 3);
    expect(formatDate(date, date.getTime() + 1000)).toBe("Nov 7, 08:03");
    expect(formatDate(new Date(2024, 1, 29), date.getTime())).toBe("Feb 29, 2024");
    expect(formatDate(new Date(2038, 0, 19), date.getTime())).toBe("Jan 19, 2038");
  });

  it.each([
    [0.2, "1 s"],
    [59, "59 s"],
    [60, "1 min"],
    [61, "2 min"],
    [3600, "1 h"],
    [3601, "2 h"],
  ])("%d seconds are %s", (seconds, text) => expect(formatDuration(seconds)).toBe(text));

  it("progress leaves out what is unknown", () => {
    const facts = {
      bytes: 1024 ** 2,
      totalBytes: 4 * 1024 ** 2,
      files: 1,
      totalFiles: 3,
      bytesPerSecond: 2048,
      secondsLeft: 90,
      path: "",
    };
    expect(formatProgress(facts)).toBe("1.0 MiB of 4.0 MiB · 1 of 3 files · 2.0 KiB/s · 2 min left");
    expect(formatProgress({ ...facts, totalFiles: 1, bytesPerSecond: 0, secondsLeft: undefined })).toBe(
      "1.0 MiB of 4.0 MiB",
    );
    const unknown = { totalBytes: undefined, totalFiles: undefined, secondsLeft: undefined };
    expect(formatProgress({ ...facts, ...unknown })).toBe("1.0 MiB · 1 file · 2.0 KiB/s");
    expect(formatFiles(0)).toBe("0 files");
  });
});

describe("folders of the file panel", () => {
  it("folders come first, then names in the order of their numbers", () => {
    const entries = [
      entry("b10", "file"),
      entry("b9", "file"),
      entry("A", "other"),
      entry("z", "folder"),
      entry("é", "file"),
    ];
    expect(sorted(entries).map(({ name }) => name)).toEqual(["z", "A", "b9", "b10", "é"]);
  });

  it("paths are joined, and split into the folders above them", () => {
    expect(["/", "/a"].map((folder) => joinPath(folder, "b"))).toEqual(["/b", "/a/b"]);
    expect(crumbs("/a/b")).toEqual([
      { name: "/", path: "/" },
      { name: "a", path: "/a" },
      { name: "b", path: "/a/b" },
    ]);
    expect(crumbs("/")).toHaveLength(1);
  });
});

function entry(name: string, type: FolderEntry["type"]): FolderEntry {
  return { name, type, isLink: false, size: 0, changed: undefined };
}
