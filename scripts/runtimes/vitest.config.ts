// vitest's configuration for the matrix. NACRE_RUNTIME contains the name of the runtime.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { allTestsBut, exclusionsOn } from "./exclusions.ts";
import { runtimeNamed } from "./list.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const conditions = ["@nacre/source", "module", "node", "import", "default"];
const { name, packages } = runtimeNamed(process.env["NACRE_RUNTIME"]);
const common = {
  root,
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
};
// Run workers as processes: Deno's worker threads lack `parentPort.removeAllListeners`, which vitest calls.
const test = { pool: "forks" as const, setupFiles: ["scripts/runtimes/in-the-runtime.ts"] };

export default defineConfig({
  root,
  test: {
    testNamePattern: allTestsBut(exclusionsOn(name)),
    projects: [
      {
        ...common,
        test: {
          ...test,
          name: "unit",
          include: [`packages/{${packages.join()}}/test/**/*.test.ts`],
          exclude: ["packages/*/test/{interop,verify}/**"],
          testTimeout: 30_000,
        },
      },
      {
        ...common,
        test: {
          ...test,
          name: "interop",
          include: ["scripts/runtimes/interop/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
