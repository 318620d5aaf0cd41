// vitest's configuration for the matrix. NACRE_RUNTIME contains the name of the runtime.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { sharingTests } from "../config/shared-process.ts";
import { TestOrder } from "../config/test-order.ts";
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
const excluded = ["packages/*/test/{interop,verify}/**", ...(isWindows ? UNIX_FILES : [])];
const sharing = sharingTests(root).filter((file) => packages.some((one) => file.startsWith(`packages/${one}/`)));
// Run workers as processes: Deno's worker threads lack `parentPort.removeAllListeners`, which vitest calls.
const test = { pool: "forks" as const, setupFiles: ["scripts/runtimes/in-the-runtime.ts"] };

const unitTests = {
  ...test,
  include: packages.map((one) => `packages/${one}/test/**/*.test.ts`),
  testTimeout: 60_000,
  hookTimeout: 120_000,
};

export default defineConfig({
  root,
  test: {
    testNamePattern: allTestsBut(exclusionsOn(name)),
    sequence: { sequencer: TestOrder },
    projects: [
      { ...common, test: { ...unitTests, name: "unit", exclude: [...excluded, ...sharing] } },
      { ...common, test: { ...unitTests, name: "unit-sharing", include: sharing, exclude: excluded, isolate: false } },
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
