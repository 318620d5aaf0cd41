// What the matrix runs on each runtime, whose name is in NACRE_RUNTIME.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { allTestsBut, exclusionsOn } from "./exclusions.ts";
import { runtimeNamed } from "./list.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const conditions = ["@nacre/source", "module", "node", "import", "default"];
const { name } = runtimeNamed(process.env["NACRE_RUNTIME"]);
const common = {
  root,
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
};
// A worker of its own process each: Deno's worker threads lack what vitest needs.
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
          include: ["packages/{node,nacre}/test/**/*.test.ts"],
          exclude: ["packages/*/test/interop/**"],
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
