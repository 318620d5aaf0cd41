import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Patch, Rules } from "../../src/attacks/rows/rules.ts";
import { AREAS } from "../../src/attacks/rows.ts";

const FILE = "packages/some/src/file.ts";

/** Returns the source after a patch. */
function patched(source: string, ...patch: Patch): string | undefined {
  return new Rules(new Map([[FILE, source]])).patched(patch).get(FILE);
}

// « and » enclose the code that the rule names.
const NAMED: readonly (readonly [what: string, source: string, replacement: string])[] = [
  ["a statement", "f();\n// rule: a\n«if (b) {\n  c();\n}»\nd();", "x();"],
  ["a statement that begins with a chain", "// rule: a\n«b && c();»\nd();", "x();"],
  ["a declaration", "// rule: a\n«export const b = 1;»\nd();", "x();"],
  ["the statement of an if", "if (b)\n  // rule: a\n  «throw c;»\nelse d();", "x();"],
  ["the statement of an else", "if (b) c();\n// rule: a\nelse «d();»\ne();", "x();"],
  ["a statement under a comment", "// rule: a\n// Why.\n/* How. */ «b();»\nc();", "x();"],
  ["a case", "switch (b) {\n  // rule: a\n  «case 1:\n    c();»\n  default:\n}", "case 2:"],
  ["a method", "class B {\n  // rule: a\n  «#c(): void {}»\n  d = 1;\n}", "x(): void {}"],
  ["a property of a class", "class B {\n  // rule: a\n  «readonly c = 1;»\n  d = 1;\n}", "x = 1;"],
  ["a property", "b({\n  // rule: a\n  «c: 1»,\n  d,\n});", "x: 1"],
  ["an argument", "b(/* rule: a */ «c + d», e);", "x"],
  ["an element", "b = [/* rule: a */ «{ c }», d];", "x"],
  ["a call", "b = /* rule: a */ «c.d(e)?.f»;", "x"],
  ["the first operand of a chain", "if (/* rule: a */ «b > 1» && c && d) e();", "x"],
  ["an operand of a chain", "if (b || /* rule: a */ «c > 1» || d) e();", "x"],
  ["an operand in parentheses", "b = c || /* rule: a */ «(d && e)»;", "x"],
  ["a condition", "b = /* rule: a */ «c === 1» ? d : e;", "x"],
  ["a value in a template", "b = `${/* rule: a */ «c(d)»}e`;", "x"],
];

describe("replaces exactly", () => {
  test.each(NAMED)("%s", (_, marked, replacement) => {
    const source = marked.replace(/[«»]/g, "");
    expect(patched(source, { rule: "a", replacement })).toBe(marked.replace(/«.*»/s, replacement));
    expect(patched(source, { rule: "a", replacement: "$&" })).toBe(source);
  });
});

describe("removes", () => {
  test.each([
    ["a statement", "if (b)\n  // rule: a\n  c();\nelse d();", "if (b)\n  // rule: a\n  ;\nelse d();"],
    ["a method", "class B {\n  // rule: a\n  #c(): void {}\n}", "class B {\n  // rule: a\n  \n}"],
    ["a property with its comma", "b({ /* rule: a */ c: 1, d });", "b({ /* rule: a */  d });"],
    ["the last argument", "b(c, /* rule: a */ d);", "b(c, /* rule: a */ );"],
    ["the first element with its comma", "b = [/* rule: a */ c, d];", "b = [/* rule: a */  d];"],
  ])("%s", (_, source, expected) => {
    expect(patched(source, { rule: "a", replacement: "" })).toBe(expected);
  });
});

test("inserts the replaced text for `$&`", () => {
  const patch = { rule: "a", replacement: "{ $& c(`${d}$1$&`); }" };
  expect(patched("// rule: a\nb();", patch)).toBe("// rule: a\n{ b(); c(`${d}$1b();`); }");
});

test("applies all changes of a patch, in any order and across files", () => {
  const rules = new Rules(
    new Map([
      ["packages/a/src/a.ts", "// rule: first\nb();\n// rule: second\nc();"],
      ["packages/d/src/d.ts", "e(/* rule: third */ f);"],
      ["packages/g/src/g.ts", "// rule: fourth\nh();"],
    ]),
  );
  expect(rules.ids).toEqual(["first", "second", "third", "fourth"]);
  expect(rules.fileOf("third")).toBe("packages/d/src/d.ts");
  const changes: Patch = [
    { rule: "first", replacement: "" },
    { rule: "third", replacement: "x($&)" },
    { rule: "second", replacement: "" },
  ];
  expect(rules.patched(changes)).toEqual(
    new Map([
      ["packages/a/src/a.ts", "// rule: first\n;\n// rule: second\n;"],
      ["packages/d/src/d.ts", "e(/* rule: third */ x(f));"],
    ]),
  );
});

describe("fails", () => {
  test("if no source has the rule", () => {
    expect(() => patched("// rule: a\nb();", { rule: "c", replacement: "" })).toThrow(
      'no source has a comment "rule: c"',
    );
    expect(() => patched('b("// rule: c");', { rule: "c", replacement: "" })).toThrow("no source has");
  });

  test("if two sources have the same rule, or one source has it twice", () => {
    const source = "// rule: a\nb();\n";
    expect(
      () =>
        new Rules(
          new Map([
            ["a.ts", source],
            ["b.ts", source],
          ]),
        ),
    ).toThrow("a.ts and b.ts both have a rule a");
    expect(() => new Rules(new Map([["a.ts", source + source]]))).toThrow("a.ts and a.ts both have a rule a");
  });

  test("if the comment is malformed or has no code after it", () => {
    expect(() => patched("{\n  b();\n  // rule: a\n}")).toThrow("nothing after the comment of rule a");
    for (const comment of [
      "// rule: ",
      "// rule: two words",
      "// rule: Upper",
      "//rule: a",
      "/* rule:a */",
      "// rule: a-",
    ])
      expect(() => patched(`${comment}\nb();`)).toThrow("malformed rule");
  });

  test("if the result does not parse", () => {
    const source = "if (/* rule: a */ b && c) d();";
    expect(() => patched(source, { rule: "a", replacement: "" })).toThrow(`${FILE} does not parse after "remove a"`);
  });

  test("if one change is inside another", () => {
    const source = "// rule: a\nif (b) {\n  // rule: c\n  d();\n}";
    const changes = ["c", "a"].map((rule) => ({ rule, replacement: "" }));
    expect(() => patched(source, ...changes)).toThrow("rule c is part of rule a");
  });
});

test("the table of configurations in SECURITY.md names rows of the suite", () => {
  const text = readFileSync(new URL("../../../../SECURITY.md", import.meta.url), "utf8");
  const [, section = ""] = text.split("\n### Configurations, proxies, agents and masters\n");
  const rows = section
    .split("\n## ")[0]!
    .split("\n")
    .filter((line) => /^\| (?!attack \||---)/.test(line));
  expect(rows.length).toBeGreaterThan(10);
  const titles = Object.values(AREAS).flatMap((area) => area.map(({ title }) => title));
  for (const row of rows) expect(titles).toEqual(expect.arrayContaining(row.split(" | ")[2]!.slice(0, -2).split("; ")));
});
