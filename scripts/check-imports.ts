// Unused code is not imported: the entries of @nacre/node and of the command, and the parts of the packages that they are made with,
// reach nothing of noble by static imports, so that a start from cold does not pay for it. Fails when it saw nothing to check.
import { build } from "esbuild";

/** Entries that must not reach noble, and a file that each must be seen to reach. */
const ENTRIES: Readonly<Record<string, string>> = {
  "packages/node/src/index.ts": "packages/transport/src/transport.ts",
  "packages/nacre/src/internal.ts": "packages/session/src/client-session.ts",
  "packages/keys/src/internal.ts": "packages/keys/src/public-key.ts",
  "packages/keyfiles/src/internal.ts": "packages/keyfiles/src/known-hosts.ts",
  "packages/kex/src/internal.ts": "packages/kex/src/hybrid.ts",
  "packages/cli/src/main.ts": "packages/cli/src/help.ts",
  "packages/cli/src/ssh.ts": "packages/node/src/connect.ts",
  "packages/cli/src/serve.ts": "packages/node/src/listen.ts",
};
const NOBLE = /\/node_modules\/@noble\//;

const { metafile } = await build({
  entryPoints: Object.keys(ENTRIES),
  bundle: true,
  splitting: true,
  write: false,
  outdir: "out",
  format: "esm",
  platform: "node",
  target: "node20",
  conditions: ["@nacre/source"],
  external: ["@lydell/node-pty"],
  logLevel: "error",
  metafile: true,
});

let seen = 0;
for (const [entry, landmark] of Object.entries(ENTRIES)) {
  const reached = reachedFrom(entry);
  seen += reached.size;
  if (!reached.has(landmark)) problem(`${entry} was not seen to reach ${landmark}: the check looks at the wrong thing`);
  const noble = [...reached.keys()].find((file) => NOBLE.test(file));
  if (noble !== undefined) problem(`${entry} imports noble:\n  ${wayTo(noble, reached).join("\n  ")}`);
}
// The other way round: what is imported late is still there, and would be seen.
if (!Object.keys(metafile.inputs).some((file) => NOBLE.test(file))) problem("noble was not seen at all");
if (process.exitCode === undefined)
  console.error(`${Object.keys(ENTRIES).length} entries reach ${seen} modules and nothing of noble`);

/** Every module that is evaluated with the entry, and which one imports it. */
function reachedFrom(entry: string): Map<string, string | undefined> {
  const reached = new Map<string, string | undefined>([[entry, undefined]]);
  // A map hands out what is added while it is walked.
  for (const file of reached.keys())
    for (const { path, kind } of metafile.inputs[file]?.imports ?? [])
      if (kind === "import-statement" && !reached.has(path)) reached.set(path, file);
  return reached;
}

function wayTo(file: string, reached: ReadonlyMap<string, string | undefined>): string[] {
  const importer = reached.get(file);
  return importer === undefined ? [file] : [...wayTo(importer, reached), file];
}

function problem(text: string): void {
  console.error(text);
  process.exitCode = 1;
}
