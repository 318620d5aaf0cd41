import { build, type Metafile } from "esbuild";
import { FLOORS } from "../../floors.ts";
import { testsIn } from "../tests-in.ts";

/** Test files that need Node's modules, grouped by reason. */
export interface NodeFiles {
  readonly reason: string;
  /** Paths relative to the project's root. */
  readonly files: readonly string[];
}

/** Packages for browsers: those of floors 0–6, and `web`. Their unit tests run in a page. */
const PACKAGES = Object.keys(FLOORS).filter((name) => FLOORS[name]! <= 6 || name === "web");

/** Unit tests that cannot run in a page. The matrix fails if one of these files does not import a module of Node. */
export const NEED_NODE: readonly NodeFiles[] = [
  {
    reason: "compares with `node:crypto`",
    files: [
      "packages/ciphers/test/noble-aes.test.ts",
      "packages/ciphers/test/twin.test.ts",
      "packages/ciphers-wasm/test/twin.test.ts",
      "packages/kex/test/twin.test.ts",
      "packages/keys/test/rsa-generate.test.ts",
      "packages/keys/test/twin.test.ts",
      "packages/protocol/test/attacks/secrets.test.ts",
      "packages/web/test/keys/webauthn-signature.test.ts",
    ],
  },
  {
    reason: "serves WebSockets",
    files: [
      "packages/web/test/connect.test.ts",
      "packages/web/test/known-hosts.test.ts",
      "packages/web/test/resume.test.ts",
    ],
  },
  {
    reason: "replaces the page's `location` and authenticator",
    files: ["packages/web/test/keys/passkey.test.ts", "packages/web/test/keys/passkey-login.test.ts"],
  },
  {
    reason: "attacks `@nacre/node` too: sockets, agents and files",
    files: [
      "packages/protocol/test/attacks/client-files-terminals.test.ts",
      "packages/protocol/test/attacks/edges.test.ts",
    ],
  },
  {
    reason: "reads the project's sources and documents",
    files: ["packages/nacre/test/readme.test.ts", "packages/protocol/test/attacks/rows.test.ts"],
  },
  { reason: "collects garbage through `node:v8`", files: ["packages/transport/test/kexinit-memory.test.ts"] },
  { reason: "starts a process of Node", files: ["packages/nacre/test/no-crypto.test.ts"] },
];

/** Returns the test files of the packages, except those in `NEED_NODE`. Throws if a file in `NEED_NODE` does not exist. */
export function browserTests(root: string): string[] {
  const all = PACKAGES.flatMap((name) => testsIn(root, `packages/${name}/test`));
  const excluded = NEED_NODE.flatMap(({ files }) => files);
  for (const file of excluded)
    if (!all.includes(file))
      throw new Error(`browsers/files.ts lists ${file}, which is not a unit test of these packages`);
  return all.filter((file) => !excluded.includes(file));
}

/** Returns the files in `NEED_NODE` that import no module of Node, directly or indirectly. These files could run in a page. */
export async function needlessExclusions(root: string): Promise<string[]> {
  const files = NEED_NODE.flatMap((one) => one.files);
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: files,
    bundle: true,
    write: false,
    outdir: "unused",
    metafile: true,
    platform: "node",
    format: "esm",
    conditions: ["@nacre/source"],
    external: ["vitest", "fast-check"],
    logLevel: "error",
  });
  return files.filter((file) => !importsNode(metafile.inputs, file, new Set()));
}

function importsNode(inputs: Metafile["inputs"], file: string, seen: Set<string>): boolean {
  if (seen.has(file)) return false;
  seen.add(file);
  return inputs[file]!.imports.some(({ path, external, kind }) => {
    // Ignore an import inside a function: it may run only on Node.
    if (kind === "dynamic-import") return false;
    return external === true ? path.startsWith("node:") : importsNode(inputs, path, seen);
  });
}
