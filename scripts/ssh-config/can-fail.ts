// Takes each rule out of a copy of `@nacre/config`, and does the recorded cases with what is left.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type * as recordedCode from "@nacre/testing/ssh-config/recorded";
import { type Recorded, type RecordedCase, recordedCases } from "@nacre/testing/ssh-config/recorded";
import * as esbuild from "esbuild";
import file from "../../test-vectors/ssh-config/recorded.json" with { type: "json" };
import { patchedSource, RULES, type Rule, SOURCES } from "./rules.ts";

const recorded = file as unknown as Recorded;
const cases = recordedCases(recorded);
const RECORDED = fileURLToPath(import.meta.resolve("@nacre/testing/ssh-config/recorded"));

/**
 * Prints for each rule with `text` in its name a recorded case that differs without it. Returns whether every rule has one, and no case
 * differs with all rules.
 */
export async function showThatRulesCanFail(text: string): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "nacre-rules-"));
  let without: Rule | undefined;
  const bundle = await esbuild.context({
    entryPoints: [RECORDED],
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    target: "node20",
    conditions: ["@nacre/source"],
    logLevel: "silent",
    plugins: [
      {
        name: "without-a-rule",
        setup(build) {
          build.onLoad({ filter: /[\\/]config[\\/]src[\\/].*\.ts$/ }, ({ path }) => {
            if (without === undefined || path !== join(SOURCES, without.file)) return undefined;
            return { contents: patchedSource(readFileSync(path, "utf8"), without), loader: "ts" };
          });
        },
      },
    ],
  });
  /** Returns the name of a case that differs without the rule. The edge cases, which are made for rules, are tried first. */
  const differs = async (name: string): Promise<string | undefined> => {
    const { outputFiles } = await bundle.rebuild();
    const output = join(folder, `${name}.mjs`);
    writeFileSync(output, outputFiles[0]!.contents);
    const code = (await import(pathToFileURL(output).href)) as typeof recordedCode;
    const isDifferent = (one: RecordedCase) => !code.isAlike(code.repeatCase(recorded, one), one.theirs);
    return cases.findLast(isDifferent)?.name;
  };
  const chosen = RULES.filter(({ rule }) => rule.includes(text));
  const wrong: string[] = [];
  try {
    const unchanged = await differs("all");
    if (unchanged !== undefined) wrong.push(`with all rules, a case differs: ${unchanged}`);
    for (const [number, rule] of chosen.entries()) {
      without = rule;
      try {
        const name = await differs(String(number));
        if (name === undefined) wrong.push(`no case differs without "${rule.rule}"`);
        console.log(`${rule.rule.padEnd(60)}  ${name?.slice(0, 120) ?? "NO CASE DIFFERS"}`);
      } catch (error) {
        wrong.push(`${rule.rule}: ${(error as Error).message.split("\n")[0]}`);
      }
    }
  } finally {
    await bundle.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
  for (const line of wrong) console.log(`✗ ${line}`);
  console.log(
    `${chosen.length} rules taken out one at a time, ${cases.length} recorded cases: ${wrong.length} wrong results`,
  );
  return wrong.length === 0;
}
