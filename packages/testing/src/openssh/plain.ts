import { spawn } from "node:child_process";
import { join } from "node:path";
import { canInstallPackages, installPackages } from "./debian.ts";
import { setHost } from "./host.ts";
import { endKeeper, untilReady } from "./keeper.ts";
import { run } from "./run.ts";

const packages = ["openssh-server", "openssh-client", "procps", "libpam-google-authenticator"];

/**
 * Prepares this machine itself for sshds, for use when no container can run, and prints a warning on standard error. Needs root. Creates
 * the users alice and bob and two files in /etc/pam.d, and removes them at the end. Only one run at a time can use it: a second run
 * waits up to 15 minutes.
 *
 * @throws if this process is not root, if a real user alice or bob exists, or if sshd is missing and cannot be installed.
 */
export async function startPlainHost(
  password: string,
  why: string,
): Promise<{ description: string; stop: () => Promise<void> }> {
  if (process.getuid?.() !== 0) throw new Error("a plain sshd needs root to create its users");
  const bar = "!".repeat(100);
  process.stderr.write(
    `\n${bar}\n!! NO CONTAINER: using a plain sshd on this machine instead of OpenSSH in a container.\n` +
      `${why.replace(/^/gm, "!!   ")}\n${bar}\n\n`,
  );
  if ((await run(["dpkg", "--status", ...packages])).status !== 0 && (await canInstallPackages())) {
    await installPackages(packages);
  }

  const state = "/run/nacre-openssh-plain";
  const scripts = join(import.meta.dirname, "server");
  const keeper = spawn("bash", [join(scripts, "keeper.sh")], {
    env: { ...process.env, NACRE_STATE: state, NACRE_PASSWORD: password, NACRE_PLAIN: "1" },
    stdio: "pipe",
    detached: true,
  });
  await untilReady(keeper, "plain sshd", 900_000);
  const description = "plain sshd on this machine, no container";
  setHost({ description, enter: ["env", `NACRE_STATE=${state}`], env: {}, scripts, password });
  return {
    description,
    stop: async () => {
      setHost(undefined);
      if (!(await endKeeper(keeper))) throw new Error(`the plain sshds of ${state} did not end within 10 s`);
    },
  };
}
