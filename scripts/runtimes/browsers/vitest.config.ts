// vitest's configuration for the browsers of the matrix.
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { allTestsBut, exclusionsOn } from "../exclusions.ts";
import { browserTests } from "./files.ts";
import { CHROMIUM } from "./list.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const { name, program, words } = CHROMIUM;
// `run.ts` removes this folder: also what the browser writes beside its profile, such as crash reports.
const env = { ...process.env, XDG_CONFIG_HOME: tmpdir(), XDG_CACHE_HOME: tmpdir() };

export default defineConfig({
  root,
  // Dependencies are ES modules. Without this, Vite bundles those that it discovers during the run, and reloads the page.
  optimizeDeps: { noDiscovery: true },
  resolve: { conditions: ["@nacre/source", "module", "browser", "import", "default"] },
  test: {
    include: [...browserTests(root), "scripts/runtimes/browsers/page.test.ts"],
    testNamePattern: allTestsBut(exclusionsOn(name)),
    testTimeout: 60_000,
    browser: {
      enabled: true,
      headless: true,
      // One page for all files. With a page for each, loading the modules again takes a third of the time.
      isolate: false,
      screenshotFailures: false,
      provider: playwright({ launchOptions: { executablePath: program, args: [...words], env } }),
      instances: [{ browser: "chromium" }],
    },
  },
});
