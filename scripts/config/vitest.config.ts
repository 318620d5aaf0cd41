import { fileURLToPath } from "node:url";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { sharingTests } from "./shared-process.ts";
import { TestOrder } from "./test-order.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const conditions = ["@nacre/source", "module", "node", "import", "default"];
const common = { root, resolve: { conditions }, ssr: { resolve: { conditions, externalConditions: conditions } } };
/** Limit of the preparations for a file's tests, in milliseconds: some bundle programs or generate keys. */
const hookTimeout = 120_000;
/** Limits of tests that wait for other programs, in milliseconds: on a busy machine, these take ten times as long. */
const WAITING = { testTimeout: 180_000, hookTimeout };
const OPENSSH = "scripts/config/openssh-setup.ts";
/** For tests that otherwise run a sample of their cases (`sample` in `@nacre/testing/sample`). */
const THOROUGH = { provide: { thorough: true } };
const SAMPLED_INTEROP = "packages/*/test/interop/**/*.sampled.test.ts";

const sharing = sharingTests(root);
const inFolder = (folder: string): string => `{packages,examples}/*/test/${folder}/**/*.test.ts`;
const isIn = (file: string, folder: string): boolean => file.includes(`/test/${folder}/`);

/** Two projects of these tests: a process for each file, and processes for all files that can share one. */
function inProcesses(
  { include = [], exclude = [], ...test }: TestProjectInlineConfiguration["test"] & { name: string },
  canShare: readonly string[],
): TestProjectInlineConfiguration[] {
  return [
    { ...common, test: { ...test, include, exclude: [...exclude, ...canShare] } },
    { ...common, test: { ...test, include: [...canShare], name: `${test.name}-sharing`, isolate: false } },
  ];
}

const projects: TestProjectInlineConfiguration[] = [
  ...inProcesses(
    {
      name: "unit",
      include: ["{packages,examples,scripts}/*/test/**/*.test.ts"],
      exclude: [inFolder("interop"), inFolder("verify")],
      testTimeout: 60_000,
      hookTimeout,
    },
    sharing.filter((file) => !isIn(file, "interop") && !isIn(file, "verify")),
  ),
  // Tests with OpenSSH only; `npm test` runs them.
  ...inProcesses(
    { name: "interop", include: [inFolder("interop")], globalSetup: [OPENSSH], ...WAITING },
    sharing.filter((file) => isIn(file, "interop")),
  ),
  // Tests with programs of others and with browsers, and all cases of the sampled tests with OpenSSH; `npm run verify` runs them.
  ...inProcesses(
    {
      name: "verify",
      include: [inFolder("verify"), SAMPLED_INTEROP],
      globalSetup: [OPENSSH, "scripts/config/programs-setup.ts"],
      ...THOROUGH,
      ...WAITING,
    },
    sharing.filter((file) => isIn(file, "verify")),
  ),
  // The unit tests that run a sample of their cases in `unit`, here with all cases.
  {
    ...common,
    test: {
      name: "thorough",
      include: ["{packages,scripts}/*/test/**/*.sampled.test.ts"],
      exclude: [SAMPLED_INTEROP],
      ...THOROUGH,
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
