import { SshError } from "@nacre/wire";
import fc from "fast-check";
import { expect, it } from "vitest";
import { ALL_KEYWORDS, configLines } from "../src/index.ts";
import { splitWords } from "../src/words.ts";
import { resolve, type Setup } from "./resolve.ts";

const piece = fc.oneof(
  fc.constantFrom(...ALL_KEYWORDS),
  fc.constantFrom(
    ..."yes no none 22 1h %h %% %q ${X} ~/x a:1 /s [::1]:5 ! , * ? = \" ' \\ # \0 \f \r +a -* ^b @ ssh://a/".split(" "),
  ),
  fc.constantFrom("constructor", "__proto__", "toString", "all", "final", "exec", "host", "localnetwork"),
  fc.string({ maxLength: 8 }),
);
const line = fc
  .array(piece, { maxLength: 6 })
  .chain((words) => fc.constantFrom(" ", "=", "\t", "").map((by) => words.join(by)));
const config = fc.array(line, { maxLength: 12 }).map((lines) => lines.join("\n"));

function resolveOrError(text: string, setup: Setup): void {
  try {
    configLines(resolve(text, setup));
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
  }
}

it("throws only SshError for any text", () => {
  fc.assert(
    fc.property(config, config, (text, included) => {
      resolveOrError(text, { disk: { "/i": included }, environment: { X: "x" }, answers: { glob: () => ["/i"] } });
    }),
    { numRuns: 400 },
  );
});

it("throws only SshError for any command line", () => {
  const setting = fc.record(
    {
      text: fc.oneof(line, fc.string()),
      option: fc.constantFrom("-J", "-L", "-R", "-D", "-l", "-C"),
      replaces: fc.boolean(),
    },
    { requiredKeys: ["text"] },
  );
  fc.assert(
    fc.property(fc.array(setting, { maxLength: 4 }), fc.string(), (commandLine, host) => {
      resolveOrError("", { commandLine, host });
    }),
    { numRuns: 400 },
  );
});

it("splits words that it is given in quotes", () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[^'"\\\0]*$/)), (words) => {
      expect(splitWords(words.map((word) => `"${word}"`).join(" "))).toEqual(words);
    }),
  );
});
