import type { SshError } from "@nacre/wire";
import { assert, constantFrom, dictionary, integer, property, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import { SIGNAL_NAMES } from "../../src/session/names.ts";
import {
  decodeTerminalModes,
  encodeTerminalModes,
  TERMINAL_MODES,
  type TerminalModes,
} from "../../src/session/terminal-modes.ts";

const thrownCode = (call: () => unknown): string | undefined => {
  try {
    call();
  } catch (error) {
    return (error as SshError).code;
  }
  return undefined;
};

describe("terminal modes (RFC 4254 §8)", () => {
  test("encodes an opcode and a uint32 for each mode, then TTY_OP_END", () => {
    expect(encodeTerminalModes({ ECHO: 0, TTY_OP_ISPEED: 38400 })).toEqual(
      new Uint8Array([53, 0, 0, 0, 0, 128, 0, 0, 0x96, 0, 0]),
    );
    expect(encodeTerminalModes({})).toEqual(new Uint8Array([0]));
  });

  test("decodes the modes that were encoded, by name or number", () => {
    const names = constantFrom(...Object.keys(TERMINAL_MODES), "99", "159");
    const values = integer({ min: 0, max: 0xffff_ffff });
    assert(
      property(dictionary(names, values), (modes) => {
        expect(decodeTerminalModes(encodeTerminalModes(modes))).toEqual({ ...modes });
      }),
    );
  });

  test.each([
    ["bytes after TTY_OP_END", [53, 0, 0, 0, 1, 0, 54, 9], { ECHO: 1 }],
    ["an opcode from 160 on and everything after it", [53, 0, 0, 0, 1, 160, 1, 2, 3], { ECHO: 1 }],
    ["a missing TTY_OP_END", [53, 0, 0, 0, 1], { ECHO: 1 }],
    ["empty input", [], {}],
  ])("decodes modes despite %s", (_, bytes, modes) => {
    expect(decodeTerminalModes(new Uint8Array(bytes))).toEqual(modes);
  });

  test("keeps an opcode below 160 without a name, and the last of two values", () => {
    expect(decodeTerminalModes(new Uint8Array([99, 0, 0, 0, 1, 99, 0, 0, 0, 2, 0]))).toEqual({ 99: 2 });
  });

  test("rejects a truncated argument", () => {
    expect(thrownCode(() => decodeTerminalModes(new Uint8Array([53, 0, 0, 1])))).toBe("malformed-message");
  });

  test("decodes any bytes or rejects them as `malformed-message`", () => {
    assert(
      property(uint8Array({ maxLength: 64 }), (bytes) => {
        expect([undefined, "malformed-message"]).toContain(thrownCode(() => decodeTerminalModes(bytes)));
      }),
    );
  });

  const impossible: readonly TerminalModes[] = [
    { NOSUCH: 1 },
    { 0: 1 },
    { 160: 1 },
    { constructor: 1 },
    { ECHO: -1 },
    { ECHO: 2 ** 32 },
    { ECHO: 0.5 },
  ];

  test.each(impossible.map((modes) => [modes] as const))("throws `usage` when encoding %j", (modes) => {
    expect(thrownCode(() => encodeTerminalModes(modes))).toBe("usage");
  });
});

test("lists the thirteen signals of RFC 4254 §6.10 without SIG", () => {
  expect(SIGNAL_NAMES).toHaveLength(13);
  for (const name of SIGNAL_NAMES) expect(name).toMatch(/^(?!SIG)[A-Z0-9]+$/);
});
