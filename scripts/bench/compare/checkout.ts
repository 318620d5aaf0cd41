import { existsSync } from "node:fs";
import { basename, dirname } from "node:path";
import { run } from "@nacre/testing/openssh/run";
import { ROOT } from "../children.ts";

/** Time limit of a build in milliseconds, which may install the dependencies. */
const BUILD_TIMEOUT = 900_000;

/** Compiles the measured programs of a checkout, wherever its commit has their sources. */
const BUILD_PROGRAMS = `import("./scripts/bench/children.ts").then(({ buildPrograms }) => buildPrograms())`;

/**
 * Returns the root of a checkout of a commit, with its packages and measured programs built. It is a folder next to this checkout, and
 * stays there for the next run.
 */
export async function checkOut(commit: string): Promise<string> {
  const hash = (await must(["git", "rev-parse", "--short=8", "--verify", `${commit}^{commit}`], ROOT)).trim();
  const root = `${dirname(ROOT)}/${basename(ROOT)}-${hash}/`;
  if (!existsSync(root)) {
    process.stderr.write(`checking out ${hash} in ${root}\n`);
    // A folder that was removed is still registered.
    await must(["git", "worktree", "add", "--force", "--detach", root, hash], ROOT);
  }
  process.stderr.write(`building ${hash}\n`);
  await must(["node", "scripts/run.mjs", "build"], root);
  await must(["node", "--import", "tsx", "--eval", BUILD_PROGRAMS], root);
  return root;
}

/** Runs a command in a folder, and returns its output. Throws if it fails. */
async function must(command: readonly string[], folder: string): Promise<string> {
  const inFolder = ["env", "-C", folder, "NODE_OPTIONS=", ...command];
  const { status, stdout, stderr } = await run(inFolder, { timeoutMs: BUILD_TIMEOUT });
  if (status !== 0)
    throw new Error(`\`${command.join(" ")}\` failed in ${folder}:\n${(stderr || stdout).slice(-2000)}`);
  return stdout;
}
