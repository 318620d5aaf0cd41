import type { TraceRecord } from "nacre";
import { describe, expect, test } from "vitest";
import { packetList } from "../src/ssh/trace.ts";

function printed(...records: TraceRecord[]): string {
  let out = "";
  const print = packetList(
    () => 1234.5678,
    (text) => {
      out += text;
    },
  );
  for (const record of records) print(record);
  return out;
}

const packet = (message: string, summary: string, direction: "sent" | "received" = "sent"): TraceRecord => ({
  type: "packet",
  direction,
  sequenceNumber: 7,
  wireLength: 1016,
  message,
  summary,
});

describe("packetList", () => {
  test("prints one line per packet and per identification", () => {
    expect(
      printed(
        { type: "identification", direction: "sent", line: "SSH-2.0-Nacre" },
        { type: "identification", direction: "received", line: "SSH-2.0-evil\x1b[2J" },
        packet("SSH_MSG_NEWKEYS", ""),
        packet("SSH_MSG_CHANNEL_DATA", "0, 5 bytes", "received"),
        packet("message 201", ""),
      ),
    ).toBe(
      [
        "   1.234568 →       15        SSH-2.0-Nacre",
        "   1.234568 ←       18        SSH-2.0-evil\\x1b[2J",
        "   1.234568 →     1016     #7 NEWKEYS",
        "   1.234568 ←     1016     #7 CHANNEL_DATA 0, 5 bytes",
        "   1.234568 →     1016     #7 message 201",
        "",
      ].join("\n"),
    );
  });

  test("prints proposals and the negotiated algorithms on separate lines, and wraps long lists", () => {
    const names = Array.from({ length: 12 }, (_, i) => `algorithm-${i}@example.org`);
    expect(
      printed(
        packet(
          "SSH_MSG_KEXINIT",
          `kex=one hostkey=two,three cipher=${names.join()} mac=a (c2s), b (s2c) compression=none`,
        ),
        { type: "negotiated", summary: "kex=one hostkey=two cipher=four mac=(in the cipher) not strict" },
      ),
    ).toBe(
      [
        "   1.234568 →     1016     #7 KEXINIT",
        "                                   kex=one",
        "                                   hostkey=two,three",
        "                                   cipher=algorithm-0@example.org,algorithm-1@example.org,",
        "                                     algorithm-2@example.org,algorithm-3@example.org,algorithm-4@example.org,",
        "                                     algorithm-5@example.org,algorithm-6@example.org,algorithm-7@example.org,",
        "                                     algorithm-8@example.org,algorithm-9@example.org,algorithm-10@example.org,",
        "                                     algorithm-11@example.org",
        "                                   mac=a (c2s), b (s2c)",
        "                                   compression=none",
        "   1.234568                  chosen",
        "                                   kex=one",
        "                                   hostkey=two",
        "                                   cipher=four",
        "                                   mac=(in the cipher)",
        "                                   not strict",
        "",
      ].join("\n"),
    );
  });

  test("does not split a long word", () => {
    const word = "x".repeat(300);
    expect(printed(packet("SSH_MSG_DEBUG", word))).toContain(`DEBUG\n${" ".repeat(35)}${word}\n`);
  });
});
