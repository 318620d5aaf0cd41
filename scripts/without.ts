// Shows that a part of the project is its own files and the lines that name it. For each part, removes both from a temporary copy of the
// sources, and checks that everything else compiles and that all other unit tests pass. `--only TEXT` limits the run to parts with TEXT in
// their name; `--here` removes the part from the sources themselves, and checks nothing.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { copySources } from "./source-copy.ts";

interface Part {
  readonly name: string;
  /** Files and folders of the part, and of its tests. */
  readonly files: readonly string[];
  /** Matches the lines elsewhere that name the part, each of them whole. */
  readonly lines: RegExp;
}

const PARTS: readonly Part[] = [
  {
    name: "agent forwarding",
    files: [
      "packages/nacre/src/users/agent",
      "packages/nacre/test/agent",
      "packages/node/src/keys/forward-agent.ts",
      "packages/node/test/forward-agent.test.ts",
      "packages/node/test/interop/forward-agent.test.ts",
      "packages/testing/src/attacks/rows/agent.ts",
    ],
    lines:
      /\b(?:agentClient|agentServer|forwardAgent|forwardedAgent|acceptAgent|maxAgentChannels)\b|\bAGENT\b|"Agent forwarding":/,
  },
];

/** Files with lines that may name a part: sources, tests and READMEs of the packages. */
const isNaming = (file: string): boolean => /^[^/]+\/(?:(?:src|test)\/.*\.ts|README\.md)$/.test(file);

const at = process.argv.indexOf("--only");
const chosen = PARTS.filter(({ name }) => name.includes(at < 0 ? "" : (process.argv[at + 1] ?? "")));
if (chosen.length === 0) throw new Error("no part has this name");
for (const part of chosen) {
  if (process.argv.includes("--here")) {
    remove(part, ".");
    continue;
  }
  const copy = copySources("without", ["package.json", "test-vectors", "scripts", "examples", "README.md"]);
  try {
    remove(part, copy);
    run(part, copy, "tsc", ["-b", "packages"]);
    run(part, copy, "tsc", ["-p", "scripts/config/tsconfig.json"]);
    run(part, copy, "vitest", ["run", "-c", "scripts/config/vitest.config.ts", "--project=unit*", "packages"]);
    console.log(`without ${part.name}: everything else compiles, and its tests pass`);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function remove({ name, files, lines }: Part, root: string): void {
  for (const file of files) rmSync(join(root, file), { recursive: true, force: true });
  let removed = 0;
  const packages = join(root, "packages");
  for (const file of readdirSync(packages, { recursive: true, encoding: "utf8" }).filter(isNaming)) {
    const path = join(packages, file);
    const before = readFileSync(path, "utf8").split("\n");
    const after = before.filter((line) => !lines.test(line));
    if (after.length === before.length) continue;
    removed += before.length - after.length;
    writeFileSync(path, after.join("\n"));
  }
  console.log(`${name}: ${removed} lines elsewhere`);
}

function run({ name }: Part, copy: string, tool: string, words: readonly string[]): void {
  const { status } = spawnSync(join(process.cwd(), "node_modules/.bin", tool), words, { cwd: copy, stdio: "inherit" });
  if (status !== 0) throw new Error(`without ${name}: ${tool} ${words.join(" ")} failed`);
}
