import { must, run, say } from "./run.ts";

/** Returns whether Debian packages can be installed: this process is root, and apt-get exists. */
export async function canInstallPackages(): Promise<boolean> {
  return process.getuid?.() === 0 && (await run(["apt-get", "--version"])).status === 0;
}

/**
 * Installs Debian packages.
 *
 * @throws if apt-get fails, with its output.
 */
export async function installPackages(names: readonly string[]): Promise<void> {
  say(`installing ${names.join(", ")}`);
  const aptGet = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "-y", "--no-install-recommends"];
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await updateLists(aptGet);
  await must([...aptGet, "install", ...names], { env, timeoutMs: 900_000 });
}

async function updateLists(aptGet: readonly string[]): Promise<void> {
  const giveUpAt = Date.now() + 300_000;
  for (;;) {
    const { status, stderr } = await run([...aptGet, "update"], { timeoutMs: 300_000 });
    if (status === 0) return;
    // DPkg::Lock::Timeout does not apply to this lock.
    if (!stderr.includes("Could not get lock /var/lib/apt/lists") || Date.now() > giveUpAt) {
      throw new Error(`apt-get update failed with status ${status}\n${stderr}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
