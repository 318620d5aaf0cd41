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
// Chromium also writes files outside its profile, such as crash reports. Keep them in the folder that `run.ts` removes.
const env = { ...process.env, XDG_CONFIG_HOME: tmpdir(), XDG_CACHE_HOME: tmpdir() };

export default defineConfig({
  root,
  // Dependencies are ES modules. Without this option, Vite bundles dependencies as it discovers them during the run, and reloads the page.
  optimizeDeps: { noDiscovery: true },
  resolve: { conditions: ["@nacre/source", "module", "browser", "import", "default"] },
  test: {
    include: [...browserTests(root), "scripts/runtimes/browsers/page.test.ts"],
    testNamePattern: allTestsBut(exclusionsOn(name)),
    testTimeout: 60_000,
    hookTimeout: 120_000,
    browser: {
      enabled: true,
      headless: true,
      // Use one page for all files. With one page per file, reloading the modules would use a third of the time.
      isolate: false,
      screenshotFailures: false,
      provider: playwright({ launchOptions: { executablePath: program, args: [...words], env } }),
      instances: [{ browser: "chromium" }],
    },
  },
});
