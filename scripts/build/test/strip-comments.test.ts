import { expect, test } from "vitest";
import { stripComments } from "../strip-comments.ts";

test("removes the comments of class members with their lines", () => {
  const code = "class A {\n  /**\n   * 1 to 2^32 − 1.\n   */\n  size = 1;\n  // Unused.\n  #b() {}\n}\n";
  expect(stripComments(code)).toBe("class A {\n  size = 1;\n  #b() {}\n}\n");
});

test("keeps text that only looks like a comment", () => {
  const code = 'const text = `\n// a line\n/* another */\n`;\nconst more = "// more";\nconst matches = /\\/\\//;\n';
  expect(stripComments(code)).toBe(code);
});

test("keeps comments beside code, annotations and licenses", () => {
  const code =
    "#!/usr/bin/env node\nconst a = /* @__PURE__ */ make();\nconst b =\n  /* @__PURE__ */\n  make(); // Why.\n" +
    "/*! License */\n";
  expect(stripComments(code)).toBe(code);
});
