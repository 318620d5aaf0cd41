import { readFile } from "node:fs/promises";
import { type CommandResult, type RunOptions, run } from "./run.ts";

/**
 * Where the servers run, as every process of a test run knows it: the one that brought it up hands it to its
 * children in the environment variable `NACRE_OPENSSH`, as JSON.
 */
export interface OpenSshHost {
  /** For people: the container's name and image, or that it is no container. */
  readonly description: string;
  /** Put before a command to run it there. */
  readonly enter: readonly string[];
  /** What `enter` needs in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The container's first process, as this machine numbers it; undefined where there is no container. */
  readonly pid: number | undefined;
  /** The folder of the control scripts there. */
  readonly scripts: string;
  /** The password of alice and bob. */
  readonly password: string;
}

const variable = "NACRE_OPENSSH";

/** Makes `host` the one that this process and the children it starts from now on use; `undefined` ends that. */
export function setHost(host: OpenSshHost | undefined): void {
  if (host === undefined) delete process.env[variable];
  else process.env[variable] = JSON.stringify(host);
}

/** The host that was brought up in this process or one of its ancestors, if any. */
export function findHost(): OpenSshHost | undefined {
  const text = process.env[variable];
  return text === undefined ? undefined : (JSON.parse(text) as OpenSshHost);
}

/**
 * Runs a command as root where the servers run. About 0.2 s each with Podman.
 *
 * @throws when no container is up, or the command outlasts `options.timeoutMs` (30 000 unless told).
 */
export function containerExec(command: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  const host = findHost();
  if (host === undefined) {
    throw new Error("no OpenSSH container is up: call ensureContainer(), or name vitest-setup.ts as a globalSetup");
  }
  return run([...host.enter, ...command], { ...options, env: { ...host.env, ...options.env } });
}

/**
 * Runs server/sshd-control.sh there, but in another network namespace: what it starts listens in that one. It needs root.
 * `namespace` is a path: `/run/netns/NAME`, or one below /proc.
 */
export async function controlInNamespace(
  namespace: string,
  args: readonly string[],
  input: string,
): Promise<CommandResult> {
  const host = findHost();
  if (host === undefined) return containerExec([]);
  const command = ["bash", `${host.scripts}/sshd-control.sh`, ...args];
  if (host.pid === undefined) return containerExec(["nsenter", `--net=${namespace}`, ...command], { input });
  // No engine runs a command in a namespace of our choice, and what is in the container may not enter one.
  const environment = (await readFile(`/proc/${host.pid}/environ`, "utf8")).split("\0").filter((line) => line !== "");
  const env = Object.fromEntries(environment.map((line) => [line.split("=")[0], line.slice(line.indexOf("=") + 1)]));
  const enter = ["nsenter", `--target=${host.pid}`, "--mount", "--uts", "--ipc", "--pid", `--net=${namespace}`];
  return run([...enter, ...command], { input, env });
}

/** Runs server/sshd-control.sh there. */
export function control(args: readonly string[], input: string = ""): Promise<CommandResult> {
  const host = findHost();
  return containerExec(["bash", `${host?.scripts}/sshd-control.sh`, ...args], { input });
}
