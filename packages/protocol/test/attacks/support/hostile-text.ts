import type { TraceRecord } from "@nacre/protocol";
import type { SshError } from "@nacre/wire";
import { expect } from "vitest";

/** Text that clears the screen, sets the title, moves the cursor, reverses text, hides characters, breaks lines and ends strings. */
export const HOSTILE = "\x1b[2J\x1b]0;title\x07\r\n\0\x08\x9b31m\u202e\u2066\u200b\u2028\ufeff\u{e0041}end";
/** Matches characters that control a terminal or are invisible. */
export const OBEYED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** Asserts that messages and traces contain no control or invisible characters. */
export function expectHarmless(errors: readonly SshError[], traces: readonly (readonly TraceRecord[])[]): void {
  for (const { message } of errors) {
    expect(message).not.toMatch(OBEYED);
    expect(message.length).toBeLessThan(8000);
  }
  const lines = traces.flatMap((trace) =>
    trace.map((record) => (record.type === "identification" ? record.line : record.summary)),
  );
  for (const line of lines) expect(line).not.toMatch(OBEYED);
  expect(lines.length).toBeGreaterThan(40);
}
