import { describe, expect, test } from "vitest";
import { clipboardText, preview } from "../page/osc52.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");

describe("clipboardText", () => {
  test.each(["c", "", "p", "cs0"])("returns the text for the selection %j", (selection) =>
    expect(clipboardText(`${selection};${base64("grüße")}`)).toBe("grüße"),
  );

  test("does not answer a request to read the clipboard", () => expect(clipboardText("c;?")).toBeUndefined());

  test.each([
    ["an empty text", "c;"],
    ["a missing selection", base64("x")],
    ["characters outside base64", "c;aGk=\u0000"],
    ["bad base64", "c;a"],
    ["bytes that are not UTF-8", `c;${Buffer.from([0xff, 0xfe]).toString("base64")}`],
    ["an unknown selection", `x-y;${base64("x")}`],
  ])("ignores %s", (_, data) => expect(clipboardText(data)).toBeUndefined());

  test("ignores a text beyond 96 KiB", () => {
    expect(clipboardText(`c;${base64("x".repeat(96 * 1024))}`)).toHaveLength(96 * 1024);
    expect(clipboardText(`c;${base64("x".repeat(96 * 1024 + 3))}`)).toBeUndefined();
  });
});

describe("preview", () => {
  test("marks line breaks and other control characters", () =>
    expect(preview("rm -rf /\r\n\x1b[31m\u202ex")).toBe("rm -rf /⏎\n\\u{1b}[31m\\u{202e}x"));

  test("cuts a long text", () => expect(preview("x".repeat(501))).toBe(`${"x".repeat(500)}…`));
});
