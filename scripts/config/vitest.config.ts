import { fileURLToPath } from "node:url";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { sharingTests } from "./shared-process.ts";
import { TestOrder } from "./test-order.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const conditions = ["@nacre/source", "module", "node", "import", "default"];
const common = { root, resolve: { conditions }, ssr: { resolve: { conditions, externalConditions: conditions } } };
/** Tests with OpenSSH only; `npm test` runs them. */
const INTEROP = "{packages,examples}/*/test/interop/**";
/** Tests with programs of others and with browsers; `npm run verify` runs them. */
const VERIFY = "{packages,examples}/*/test/verify/**";
/** Limit of the preparations for a file's tests, in milliseconds: some bundle programs or generate keys. */
const hookTimeout = 120_000;
/** Limits of tests that wait for other programs, in milliseconds: on a busy machine, these take ten times as long. */
const WAITING = { testTimeout: 180_000, hookTimeout };

const unitTests = { include: ["{packages,examples,scripts}/*/test/**/*.test.ts"], testTimeout: 60_000, hookTimeout };
const sharing = sharingTests(root);

const projects: TestProjectInlineConfiguration[] = [
  { ...common, test: { ...unitTests, name: "unit", exclude: [INTEROP, VERIFY, ...sharing] } },
  { ...common, test: { ...unitTests, name: "unit-sharing", include: sharing, isolate: false } },
  {
    ...common,
    test: {
      name: "interop",
      include: [`${INTEROP}/*.test.ts`],
      globalSetup: ["scripts/config/openssh-setup.ts"],
      ...WAITING,
    },
  },
  {
    ...common,
    test: {
      name: "verify",
      include: [`${VERIFY}/*.test.ts`],
      globalSetup: ["scripts/config/openssh-setup.ts", "scripts/config/programs-setup.ts"],
      ...WAITING,
    },
  },
  // The unit tests that run a sample of their cases in `unit` (`sample` in `@nacre/testing/sample`), here with all cases.
  {
    ...common,
    test: {
      name: "thorough",
      include: ["{packages,scripts}/*/test/**/*.sampled.test.ts"],
      provide: { thorough: true },
      testTimeout: 120_000,
      hookTimeout,
    },
  },
];

export default defineConfig({
  root,
  test: {
    // Twice the cores of a small machine: tests of `interop` and `verify` mostly wait for other programs.
    maxWorkers: 4,
    sequence: { sequencer: TestOrder },
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts"],
      exclude: ["packages/testing/**"],
      reporter: ["text", "json-summary"],
    },
    projects,
  },
});
