// vitest's configuration for the browsers of the matrix.
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { sharingTests } from "../../config/shared-process.ts";
import { allTestsBut, exclusionsOn } from "../exclusions.ts";
import { browserTests } from "./files.ts";
import { CHROMIUM } from "./list.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const { name, program, words } = CHROMIUM;
// Chromium also writes files outside its profile, such as crash reports. Keep them in the folder that `run.ts` removes.
const env = { ...process.env, XDG_CONFIG_HOME: tmpdir(), XDG_CACHE_HOME: tmpdir() };

const tests = [...browserTests(root), "scripts/runtimes/browsers/page.test.ts"];
const sharing = new Set(sharingTests(root));
const own = tests.filter((file) => !sharing.has(file));

/** Tests in one page for all files, or with `isolate` in a page for each. */
const inPages = (name: string, isolate: boolean, include: string[]): TestProjectInlineConfiguration => ({
  root,
  // Dependencies are ES modules. Without this option, Vite bundles dependencies as it discovers them during the run, and reloads the page.
  optimizeDeps: { noDiscovery: true },
  resolve: { conditions: ["@nacre/source", "module", "browser", "import", "default"] },
  test: {
    name,
    include,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    browser: {
      enabled: true,
      headless: true,
      isolate,
      screenshotFailures: false,
      provider: playwright({ launchOptions: { executablePath: program, args: [...words], env } }),
      instances: [{ browser: "chromium" }],
    },
  },
});

export default defineConfig({
  root,
  test: {
    testNamePattern: allTestsBut(exclusionsOn(name)),
    projects: [
      // With one page per file, reloading the modules would use a third of the time.
      inPages(
        "sharing",
        false,
        [...sharing].filter((file) => tests.includes(file)),
      ),
      // In a shared page, a connection that an earlier file left open could set timers on the virtual clock of a test.
      inPages("own", true, own),
    ],
  },
});
