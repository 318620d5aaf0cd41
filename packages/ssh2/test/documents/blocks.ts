import { transformSync } from "esbuild";

/** A block of TypeScript or JavaScript in a document. */
export interface Block {
  /** Text of the heading above it. */
  readonly heading: string;
  /** Number of its block below the heading, from 0. */
  readonly at: number;
  readonly code: string;
}

/** Modules by the specifiers with which blocks import from them. */
export type Modules = Readonly<Record<string, object>>;

const PART = /^##+ (?<heading>[^\n]*)$|^```(?:ts|js)\n(?<code>.*?)^```$/gms;
const IMPORT = /^import (?<type>type )?(?:(?<whole>\w+)(?:, )?)?(?:\{(?<names>[^}]*)\})? from "(?<from>[^"]+)";\n/gm;
const EXPORT = /^export (?:async )?(?:function|const) (\w+)/gm;

/** Returns the blocks of a document in order. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let current = "";
  for (const { groups } of markdown.matchAll(PART)) {
    const { heading, code } = groups!;
    if (heading !== undefined) current = heading;
    if (code !== undefined)
      blocks.push({ heading: current, at: blocks.filter((block) => block.heading === current).length, code });
  }
  return blocks;
}

/** Returns the code with the names of hosts, ports and files replaced, as literals. */
export function withNames(code: string, names: readonly (readonly [literal: string, replacement: string])[]): string {
  return names.reduce((text, [literal, replacement]) => text.replaceAll(literal, replacement), code);
}

/**
 * Runs code of a block, and resolves with the functions that it exports. Imported names come from `modules`, and those that
 * scripts/config/examples.d.ts declares from `given`. Rejects if the code imports anything else.
 */
export async function runCode(code: string, modules: Modules, given: object): Promise<Record<string, Callable>> {
  const values: Record<string, unknown> = { ...given };
  for (const { groups } of code.matchAll(IMPORT)) {
    const { type, whole, names = "", from = "" } = groups!;
    if (type !== undefined) continue;
    const module = modules[from] as Readonly<Record<string, unknown>> | undefined;
    if (module === undefined) throw new Error(`the test has no module ${from}`);
    if (whole !== undefined) values[whole] = module;
    for (const name of names.split(",").flatMap((one) => one.trim() || [])) {
      if (name.startsWith("type ")) continue;
      if (!(name in module)) throw new Error(`${from} has no export ${name}`);
      values[name] = module[name];
    }
  }
  const exported = Array.from(code.matchAll(EXPORT), ([, name]) => name);
  const body = code.replaceAll(IMPORT, "").replaceAll(/^export /gm, "");
  const program = `async function block() {\n${body}\nreturn { ${exported.join(", ")} };\n}`;
  const { code: script } = transformSync(program, { loader: "ts", target: "node20" });
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
  const run = AsyncFunction(...Object.keys(values), `${script}return block();`) as (
    ...parameters: unknown[]
  ) => Promise<Record<string, Callable>>;
  return run(...Object.values(values));
}

/** A function that a block exports. */
export type Callable = (...parameters: unknown[]) => unknown;
