import { expect, test } from "vitest";
import { CLOSE_KINDS, type CloseReason, closeReason } from "../src/index.ts";

test("each close code has one name, and fits a close frame", () => {
  for (const [name, { code }] of Object.entries(CLOSE_KINDS)) {
    expect(closeReason(code)).toBe(name as CloseReason);
    // A control frame has at most 125 bytes, and the code uses 2 (RFC 6455 §5.5).
    expect(name.length).toBeLessThanOrEqual(123);
  }
  expect(closeReason(1006)).toBeUndefined();
});
