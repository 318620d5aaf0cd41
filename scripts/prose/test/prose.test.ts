import { describe, expect, it, test } from "vitest";
import { findPhrases, longCommentLines } from "../check.ts";
import { PHRASES } from "../phrases.ts";

const BAD = "Throws for what is no host.";

test.each(PHRASES)("finds $example.0, not $example.1", (phrase) => {
  const [bad, good] = phrase.example;
  expect(findPhrases("README.md", bad).map((finding) => finding.phrase)).toContain(phrase);
  expect(findPhrases("README.md", good)).toEqual([]);
});

describe("a source", () => {
  it.each([
    ["a line comment", `let x; // ${BAD}`],
    ["a doc comment", `/** ${BAD} */\nlet x;`],
    ["a message", `throw new Error("${BAD}");`],
    ["a template", `throw new Error(\`\${name}: ${BAD}\`);`],
    ["a phrase across two lines of a doc comment", "/**\n * Throws for what\n * is no host.\n */\nlet x;"],
    ["a phrase across two line comments", "let x;\n  // Throws for what\n  // is no host.\n"],
  ])("is searched in %s", (_, source) => {
    expect(findPhrases("packages/x/src/a.ts", source)).toHaveLength(1);
  });

  it.each([
    ["code", "const hears = 1;\nconst of = hears, none = of; // x"],
    ["an expression in a template", "const a = `what is ${ no } host`;"],
    ["two comments with code between them", "let x; // What\nlet y; // is no host\n"],
  ])("matches nothing in %s", (_, source) => {
    expect(findPhrases("packages/x/src/a.ts", source)).toEqual([]);
  });

  it("is not searched in the strings of tests", () => {
    expect(findPhrases("packages/x/test/a.test.ts", `test("${BAD}", () => {}); // ${BAD}`)).toHaveLength(1);
  });

  it("throws when it does not parse", () => {
    expect(() => findPhrases("packages/x/src/a.ts", "let = {")).toThrow("packages/x/src/a.ts does not parse");
  });
});

test("names the line, the phrase and the better wording", () => {
  expect(findPhrases("README.md", `# Title\n\n${BAD}\n`)).toEqual([
    {
      line: 3,
      text: "what is no",
      phrase: expect.objectContaining({ instead: "name it: an invalid X, an unknown X" }),
    },
  ]);
});

test("finds lines of comment with more than 140 columns", () => {
  const words = "word ".repeat(40);
  expect(longCommentLines(`a;\n// ${words}\n  /** ${words}*/\n   * ${words}\n`)).toEqual([2, 3, 4]);
  expect(longCommentLines(`a = "${words}";\n// ${"word ".repeat(27)}\n// https://${"x".repeat(150)}\n`)).toEqual([]);
});
