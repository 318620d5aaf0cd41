import type { TraceRecord } from "@nacre/session";
import type { SshError } from "@nacre/wire";
import { expect } from "vitest";

/** Clears the screen, sets the title, goes back in the line, turns the direction, hides, breaks lines, ends strings. */
export const HOSTILE = "\x1b[2J\x1b]0;title\x07\r\n\0\x08\x9b31m\u202e\u2066\u200b\u2028\ufeff\u{e0041}end";
/** Whatever a terminal obeys or does not show. */
export const OBEYED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** Nothing of the texts does anything to a terminal or a log. */
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
