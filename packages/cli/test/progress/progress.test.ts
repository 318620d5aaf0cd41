import { describe, expect, test } from "vitest";
import { formatBytes, formatSeconds } from "../../src/cp/format.ts";
import { ProgressBar } from "../../src/cp/progress-bar.ts";
import { type CopyState, progressLine } from "../../src/cp/progress-line.ts";
import { textWidth } from "../../src/cp/text-width.ts";
import { TotalProgress } from "../../src/cp/total-progress.ts";

describe("formats", () => {
  test.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "0.98 KiB"],
    [1024, "1.00 KiB"],
    [10_235, "10.0 KiB"],
    [102_348, "99.9 KiB"],
    [1_022_976, "999 KiB"],
    [1_023_999, "0.98 MiB"],
    [3 * 2 ** 30, "3.00 GiB"],
    [2 ** 63, "8.00 EiB"],
  ])("%d bytes as %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test("sizes in at most eight columns", () => {
    for (let bytes = 1; bytes < 2 ** 62; bytes = Math.ceil(bytes * 1.0371))
      expect(formatBytes(bytes).length).toBeLessThanOrEqual(8);
  });

  test.each([
    [undefined, "-:--"],
    [0, "0:00"],
    [59.4, "0:59"],
    [59.6, "1:00"],
    [3599.6, "1:00:00"],
    [359_999, "99:59:59"],
    [360_000, "-:--"],
    [Number.NaN, "-:--"],
  ])("%s seconds as %s", (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });
});

const STATE: CopyState = {
  name: "file.iso",
  bytes: 5 * 2 ** 20,
  totalBytes: 20 * 2 ** 20,
  files: 3,
  totalFiles: 12,
  bytesPerSecond: 2 ** 20,
  seconds: 15,
  isOver: false,
};

/** Returns a line of `width - 1` columns with a name on the left. */
function line(width: number, name: string, fields: string): string {
  return name.padEnd(width - 1 - fields.length) + fields;
}

describe("progressLine", () => {
  test("has name, files, part, bar, bytes, rate and time, one column short of the terminal", () => {
    const fields = " 3/12 files  25% [=====               ] 5.00 MiB 1.00 MiB/s    0:15 left";
    expect(progressLine(STATE, 100)).toBe(line(100, "file.iso", fields));
  });

  test("leaves out the bar, then the files, the rate, the time and the bytes on narrow terminals", () => {
    const fields: readonly (readonly [width: number, fields: string])[] = [
      [80, " 3/12 files  25% 5.00 MiB 1.00 MiB/s    0:15 left"],
      [66, " 3/12 files  25% 5.00 MiB 1.00 MiB/s    0:15 left"],
      [65, "  25% 5.00 MiB 1.00 MiB/s    0:15 left"],
      [55, "  25% 5.00 MiB 1.00 MiB/s    0:15 left"],
      [54, "  25% 5.00 MiB    0:15 left"],
      [43, "  25% 5.00 MiB"],
      [30, "  25%"],
      [21, ""],
    ];
    for (const [width, text] of fields) expect(progressLine(STATE, width)).toBe(line(width, "file.iso", text));
  });

  test("shows no part, bar, rate or time while they are unknown, and no number of a single file", () => {
    const unknown = { totalBytes: undefined, totalFiles: undefined, bytesPerSecond: undefined, seconds: undefined };
    const fields = `      5.00 MiB ${" ".repeat(10)}    -:-- left`;
    expect(progressLine({ ...STATE, ...unknown, files: 0 }, 70)).toBe(line(70, "file.iso", fields));
    expect(progressLine({ ...STATE, files: 0, totalFiles: 1 }, 70)).not.toContain("files");
  });

  test("shows the whole time at the end", () => {
    expect(progressLine({ ...STATE, bytes: 20 * 2 ** 20, isOver: true }, 60)).toBe(
      line(60, "file.iso", " 100% 20.0 MiB 1.00 MiB/s    0:15     "),
    );
  });

  test("shows an empty file as whole, and more bytes than stated as 100%", () => {
    expect(progressLine({ ...STATE, bytes: 0, totalBytes: 0 }, 100)).toContain(" 100% [====================] ");
    expect(progressLine({ ...STATE, bytes: 2 ** 40 }, 100)).toContain(" 100% ");
  });

  test("keeps the end of a long name, and takes the width of wide characters into account", () => {
    expect(progressLine({ ...STATE, name: "a/very/long/path/to/a/file.iso" }, 60)).toBe(
      "…g/path/to/a/file.iso  25% 5.00 MiB 1.00 MiB/s    0:15 left",
    );
    for (const name of ["日本語のとても長いファイル名です", "😀".repeat(30), "e\u0301".repeat(40)])
      for (let width = 1; width < 120; width++)
        expect(textWidth(progressLine({ ...STATE, name }, width))).toBe(width - 1);
  });
});

/** A bar on a fake terminal, and what was written to it. */
function fakeBar() {
  const written: string[] = [];
  const clock = { now: 0 };
  const bar = new ProgressBar({ columns: () => 60, write: (text) => written.push(text), now: () => clock.now });
  return { bar, written, clock };
}

describe("ProgressBar", () => {
  test("is drawn at most ten times a second", () => {
    const { bar, written, clock } = fakeBar();
    for (; clock.now < 1000; clock.now += 1) bar.update(STATE);
    expect(written).toHaveLength(10);
  });

  test("clears its line before each drawing, and ends it once", () => {
    const { bar, written, clock } = fakeBar();
    bar.update(STATE);
    clock.now = 5;
    bar.finish({ ...STATE, isOver: true });
    const drawn = progressLine(STATE, 60);
    expect(written).toEqual([`\r\x1b[K${drawn}`, `\r\x1b[K${drawn.replace("left", "    ")}`, "\n"]);
  });

  test("clears the line for other text only if it is shown", () => {
    const { bar, written } = fakeBar();
    bar.clear();
    expect(written).toEqual([]);
    bar.update(STATE);
    bar.clear();
    bar.clear();
    expect(written.slice(1)).toEqual(["\r\x1b[K"]);
  });
});

describe("TotalProgress", () => {
  const report = { bytes: 0, totalBytes: undefined, files: 0, totalFiles: undefined, bytesPerSecond: 0, path: "" };
  const whole = { secondsLeft: undefined };

  test("adds several sources, and knows the total once every directory is listed", () => {
    const { bar, written, clock } = fakeBar();
    const sources = [
      { name: "one", size: 1024 },
      { name: "tree", size: undefined },
    ];
    const total = new TotalProgress(bar, sources, () => clock.now);
    total.of(0)({ ...report, ...whole, bytes: 512, totalBytes: 1024, totalFiles: 1, bytesPerSecond: 512 });
    total.ended(0);
    clock.now = 200;
    total.of(1)({
      ...report,
      ...whole,
      bytes: 512,
      totalBytes: 1536,
      totalFiles: 2,
      bytesPerSecond: 512,
      path: "tree/x",
    });
    expect(written.map((text) => text.slice("\r\x1b[K".length))).toEqual([
      line(60, "one", "         512 B    512 B/s    -:-- left"),
      // 512 bytes of the first source were not moved: they are not waited for.
      line(60, "tree/x", "  50% 1.00 KiB    512 B/s    0:02 left"),
    ]);
  });

  test("shows mean rate and whole time in the end, and nothing if nothing was moved", () => {
    const { bar, written, clock } = fakeBar();
    const total = new TotalProgress(bar, [{ name: "one", size: 4096 }], () => clock.now);
    total.finish();
    expect(written).toEqual([]);
    total.of(0)({ ...report, ...whole, bytes: 4096, totalBytes: 4096, files: 1, totalFiles: 1, bytesPerSecond: 99 });
    // 3072 bytes were at the target before.
    total.ended(0, 1024);
    clock.now = 2000;
    total.finish();
    expect(written.at(-2)).toBe(`\r\x1b[K${line(60, "one", " 100% 4.00 KiB    512 B/s    0:02     ")}`);
    expect(written.at(-1)).toBe("\n");
  });
});
