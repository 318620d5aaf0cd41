import { spawn } from "node:child_process";
import { join } from "node:path";
import { canInstallPackages, installPackages } from "./debian.ts";
import { setHost } from "./host.ts";
import { endKeeper, untilReady } from "./keeper.ts";
import { run } from "./run.ts";

const packages = ["openssh-server", "openssh-client", "procps", "libpam-google-authenticator"];

/**
 * Sshds on this machine itself, for where no container can run; standard error says so loudly. It needs root, makes the
 * users alice and bob and two files in /etc/pam.d, and takes them away at the end. One run at a time: a second one
 * waits up to 15 minutes.
 *
 * @throws when we are not root, or a user alice or bob of somebody's is there, or sshd is not and cannot be installed.
 */
export async function startPlainHost(
  password: string,
  why: string,
): Promise<{ description: string; stop: () => Promise<void> }> {
  if (process.getuid?.() !== 0) throw new Error("a plain sshd with users of its own needs root");
  const bar = "!".repeat(100);
  process.stderr.write(
    `\n${bar}\n!! NO CONTAINER: a plain sshd on this machine stands in for OpenSSH in its container.\n` +
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
  setHost({ description, enter: ["env", `NACRE_STATE=${state}`], env: {}, pid: undefined, scripts, password });
  return {
    description,
    stop: async () => {
      setHost(undefined);
      if (!(await endKeeper(keeper))) throw new Error(`the plain sshds of ${state} do not end`);
    },
  };
}
