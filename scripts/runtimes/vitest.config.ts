// vitest's configuration for the matrix. NACRE_RUNTIME contains the name of the runtime.
import { fileURLToPath } from "node:url";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { allTestsBut, exclusionsOn } from "./exclusions.ts";
import { runtimeNamed, WINDOWS } from "./list.ts";
import { UNIX_FILES } from "./windows/exclusions.ts";
import { sourceAliases } from "./windows/packages.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const conditions = ["@nacre/source", "module", "node", "import", "default"];
const { name, packages } = runtimeNamed(process.env["NACRE_RUNTIME"]);
const isWindows = name === WINDOWS.name;
const common = {
  root,
  resolve: { conditions, alias: isWindows ? sourceAliases(root) : [] },
  ssr: { resolve: { conditions, externalConditions: conditions } },
};
/** Packages whose test files share modules and a process on Windows, where a process takes seconds to start. */
const shared = isWindows ? ["keyfiles", "files", "nacre"] : [];
/** Test files of these packages that share nothing: they count timers, and others leave some. */
const ALONE = ["packages/nacre/test/end.sampled.test.ts"];
// Run workers as processes: Deno's worker threads lack `parentPort.removeAllListeners`, which vitest calls.
const test = { pool: "forks" as const, setupFiles: ["scripts/runtimes/in-the-runtime.ts"] };

function unitTests(names: readonly string[], without: readonly string[] = []): TestProjectInlineConfiguration["test"] {
  return {
    ...test,
    include: names.map((one) => `packages/${one}/test/**/*.test.ts`),
    exclude: ["packages/*/test/{interop,verify}/**", ...(isWindows ? UNIX_FILES : []), ...without],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  };
}

export default defineConfig({
  root,
  test: {
    testNamePattern: allTestsBut(exclusionsOn(name)),
    projects: [
      { ...common, test: { ...unitTests(packages.filter((one) => !shared.includes(one))), name: "unit" } },
      ...(shared.length === 0
        ? []
        : [
            { ...common, test: { ...unitTests(shared, ALONE), name: "shared", isolate: false } },
            { ...common, test: { ...unitTests(shared), include: ALONE, name: "alone" } },
          ]),
      {
        ...common,
        test: {
          ...test,
          name: "interop",
          include: ["scripts/runtimes/interop/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
