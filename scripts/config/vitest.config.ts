import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL("../..", import.meta.url));
const conditions = ["@nacre/source", "module", "node", "import", "default"];
const sources = { resolve: { conditions }, ssr: { resolve: { conditions, externalConditions: conditions } } };

export default defineConfig({
  root,
  test: {
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts"],
      exclude: ["packages/testing/**"],
      reporter: ["text", "json-summary"],
    },
    projects: [
      {
        ...sources,
        root,
        test: {
          name: "unit",
          include: ["{packages,examples,scripts}/*/test/**/*.test.ts"],
          exclude: ["{packages,examples}/*/test/interop/**"],
          testTimeout: 30_000,
          // One worker per core; vitest would leave one core unused.
          maxWorkers: "100%",
          sequence: { groupOrder: 0 },
        },
      },
      {
        ...sources,
        root,
        test: {
          name: "interop",
          include: ["{packages,examples}/*/test/interop/**/*.test.ts"],
          globalSetup: ["scripts/openssh/vitest-setup.ts", "scripts/peers/vitest-setup.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          // These tests mostly wait for other programs.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
