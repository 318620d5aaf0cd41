// Checks that the entries of @nacre/node and of the command, and the `internal` entries that they use, do not import noble statically.
// Loading it would slow every start of a process, and they rarely need it. Fails if it does not see the modules that it expects.
import { build } from "esbuild";

/** Entries that must not import noble, directly or indirectly, each with a file that it does import: that shows that the check works. */
const ENTRIES: Readonly<Record<string, string>> = {
  "packages/node/src/index.ts": "packages/transport/src/transport.ts",
  "packages/node/src/listen/ssh-server.ts": "packages/protocol/src/server-protocol.ts",
  "packages/node/src/forward/forwards.ts": "packages/nacre/src/users/forward/bridge.ts",
  "packages/nacre/src/extend.ts": "packages/protocol/src/client-protocol.ts",
  "packages/keys/src/internal.ts": "packages/keys/src/public-formats.ts",
  "packages/keyfiles/src/internal.ts": "packages/keyfiles/src/known-hosts.ts",
  "packages/kex/src/internal.ts": "packages/kex/src/hybrid.ts",
  "packages/cli/src/main.ts": "packages/cli/src/compile-cache.ts",
  "packages/cli/src/ssh/ssh.ts": "packages/node/src/connect/connect.ts",
  "packages/cli/src/cp/copy.ts": "packages/node/src/connect/connect.ts",
  "packages/cli/src/sftp/sftp.ts": "packages/node/src/connect/connect.ts",
  "packages/cli/src/serve/serve.ts": "packages/node/src/listen/listen.ts",
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
  if (!reached.has(landmark)) problem(`${entry} does not import ${landmark}: this check looks in the wrong place`);
  const noble = [...reached.keys()].find((file) => NOBLE.test(file));
  if (noble !== undefined) problem(`${entry} imports noble:\n  ${wayTo(noble, reached).join("\n  ")}`);
}
// Dynamic imports of noble are in the metafile too, so its absence means that the pattern no longer matches.
if (!Object.keys(metafile.inputs).some((file) => NOBLE.test(file)))
  problem("no module of noble found: this check looks in the wrong place");
if (process.exitCode === undefined)
  console.error(`${Object.keys(ENTRIES).length} entries import ${seen} modules, and no module of noble`);

/** Returns the modules that are evaluated with the entry, each with the module that imports it. */
function reachedFrom(entry: string): Map<string, string | undefined> {
  const reached = new Map<string, string | undefined>([[entry, undefined]]);
  // Iterating a map also visits entries that are added during the iteration.
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
