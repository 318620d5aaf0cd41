import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type TestBrowser, testPage } from "./test-page.ts";
import { BidiSession } from "./web-driver-bidi.ts";

/** Preferences of the profile: no network traffic of the browser itself. */
const PREFERENCES: Readonly<Record<string, string | number | boolean>> = {
  "app.normandy.enabled": false,
  "app.update.disabledForTesting": true,
  "browser.safebrowsing.blockedURIs.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.page": 0,
  "datareporting.policy.dataSubmissionEnabled": false,
  "extensions.systemAddon.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,",
  "toolkit.telemetry.enabled": false,
};

/** Time in milliseconds for Firefox to start. */
const START_TIMEOUT = 60_000;

/** Time in milliseconds for Firefox to exit before it is killed. */
const EXIT_TIMEOUT = 10_000;

const CALL = "(entry, name, args) => globalThis[entry](name, args)";

/**
 * Starts Debian's Firefox without a window, for tests that run in several browsers. A {@link BidiSession} drives it: Playwright 1.65
 * cannot, because it sends `emulation.setMediaFeaturesOverride`, which Firefox ESR 153 lacks.
 */
export async function startFirefox(): Promise<TestBrowser> {
  const folder = await mkdtemp(join(tmpdir(), "nacre-firefox-"));
  const lines = Object.entries(PREFERENCES).map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`);
  await writeFile(join(folder, "user.js"), lines.join(""));
  const child = spawn(
    "firefox-esr",
    ["--headless", "--no-remote", "--profile", folder, "--remote-debugging-port", "0"],
    {
      // Firefox writes to HOME even if it has a profile.
      env: { ...process.env, HOME: folder, MOZ_CRASHREPORTER_DISABLE: "1" },
      stdio: ["ignore", "ignore", "pipe"],
      // A process group of its own, so that one signal also ends the processes of the pages.
      detached: true,
    },
  );
  const ended = once(child, "close");
  const stop = async (): Promise<void> => {
    killGroup(child);
    await ended;
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  };
  try {
    const session = await BidiSession.start(await addressOf(child));
    return {
      async open(url) {
        const tab = await session.openTab(url);
        onTestFinished(() => session.closeTab(tab));
        return testPage(
          (entry, name, args) => session.callFunction(tab, CALL, [entry, name, args]),
          () => session.reload(tab),
        );
      },
      async close() {
        const timer = setTimeout(() => killGroup(child), EXIT_TIMEOUT);
        await session.closeBrowser().catch(() => killGroup(child));
        await ended;
        clearTimeout(timer);
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Resolves with the address at which Firefox accepts a session, which it prints. */
async function addressOf(child: ChildProcess): Promise<string> {
  let printed = "";
  const timer = setTimeout(() => killGroup(child), START_TIMEOUT);
  try {
    for await (const chunk of child.stderr as AsyncIterable<Buffer>) {
      printed += chunk.toString();
      const address = /WebDriver BiDi listening on (ws:\/\/\S+)/.exec(printed)?.[1];
      if (address !== undefined) return address;
    }
  } finally {
    clearTimeout(timer);
  }
  throw new Error(`Firefox accepts no session: ${printed}`);
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // The process group has already ended.
  }
}
