import type { TraceRecord } from "nacre";
import { describe, expect, test } from "vitest";
import { formatBytes, TraceLines } from "../page/trace-lines.ts";

const IDENTIFICATION: TraceRecord = { type: "identification", direction: "received", line: "SSH-2.0-x" };
const packet = (sequenceNumber: number): TraceRecord => ({
  type: "packet",
  direction: "sent",
  sequenceNumber,
  wireLength: 100,
  message: "SSH_MSG_KEXINIT",
  summary: "kex=x",
});

describe("TraceLines", () => {
  test("counts packets and bytes in each direction", () => {
    const lines = new TraceLines(10);
    for (const record of [IDENTIFICATION, packet(0), { type: "negotiated", summary: "kex=x strict" } as const])
      lines.add(record);
    expect(lines.packets).toBe(2);
    expect(lines.total).toEqual({ sent: 100, received: 11 });
    expect(lines.take()).toEqual([
      { direction: "received", name: "identification", length: 11, summary: "SSH-2.0-x" },
      { direction: "sent", name: "KEXINIT", length: 100, summary: "kex=x" },
    ]);
    expect(lines.take()).toEqual([]);
  });

  test("keeps only the latest packets while they are not taken", () => {
    const lines = new TraceLines(3);
    for (let i = 0; i < 1000; i++) lines.add({ ...packet(i), summary: `${i}` } as TraceRecord);
    expect(lines.take().map(({ summary }) => summary)).toEqual(["997", "998", "999"]);
    expect(lines.packets).toBe(1000);
  });
});

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1536, "1.5 KiB"],
  [5 * 1024 * 1024, "5.0 MiB"],
  [5 * 1024 ** 3, "5.0 GiB"],
  [3 * 1024 ** 5, "3072.0 TiB"],
])("formatBytes(%i) is %j", (count, text) => expect(formatBytes(count)).toBe(text));
