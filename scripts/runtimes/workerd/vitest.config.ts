// vitest's configuration for the tests of workerd. They run in Node, start workerd, and connect from a worker to OpenSSH.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const conditions = ["@nacre/source", "module", "node", "import", "default"];

export default defineConfig({
  root,
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: { include: ["scripts/runtimes/workerd/*.test.ts"], testTimeout: 60_000, hookTimeout: 120_000 },
});
