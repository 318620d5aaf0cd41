import { readFile } from "node:fs/promises";
import { type CommandResult, type RunOptions, run } from "./run.ts";

/**
 * The machine or container in which the servers run. The process that starts it passes this object to its children as JSON, in the
 * environment variable `NACRE_OPENSSH`.
 */
export interface OpenSshHost {
  /** Description for output: the container's name and image, or a note that there is no container. */
  readonly description: string;
  /** Command prefix that runs a command on the host. */
  readonly enter: readonly string[];
  /** Environment variables for `enter`. */
  readonly env: Readonly<Record<string, string>>;
  /** Process id of the container's first process, in this machine's namespace; `undefined` without a container. */
  readonly pid: number | undefined;
  /** Folder of the control scripts on the host. */
  readonly scripts: string;
  /** The password of alice and bob. */
  readonly password: string;
}

const variable = "NACRE_OPENSSH";

/** Sets the host for this process and for children that it starts later. `undefined` removes it. */
export function setHost(host: OpenSshHost | undefined): void {
  if (host === undefined) delete process.env[variable];
  else process.env[variable] = JSON.stringify(host);
}

/** Returns the host that this process or one of its ancestors started; `undefined` if there is no host. */
export function findHost(): OpenSshHost | undefined {
  const text = process.env[variable];
  return text === undefined ? undefined : (JSON.parse(text) as OpenSshHost);
}

/**
 * Runs a command as root on the host of the servers. Takes about 0.2 s with Podman.
 *
 * @throws if no host is set, or if the command takes longer than `options.timeoutMs` (default 30,000).
 */
export function containerExec(command: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  const host = findHost();
  if (host === undefined) {
    throw new Error(
      "no OpenSSH container is running; call `ensureContainer`, or list scripts/config/openssh-setup.ts as a `globalSetup`",
    );
  }
  return run([...host.enter, ...command], { ...options, env: { ...host.env, ...options.env } });
}

/**
 * Runs server/sshd-control.sh on the host, but in another network namespace, so that an sshd it starts listens there. Needs root.
 * `namespace` is a path: `/run/netns/NAME`, or a path below /proc.
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
  // Container engines cannot run a command in another network namespace, and processes in the container are not permitted to enter one.
  const environment = (await readFile(`/proc/${host.pid}/environ`, "utf8")).split("\0").filter((line) => line !== "");
  const env = Object.fromEntries(environment.map((line) => [line.split("=")[0], line.slice(line.indexOf("=") + 1)]));
  const enter = ["nsenter", `--target=${host.pid}`, "--mount", "--uts", "--ipc", "--pid", `--net=${namespace}`];
  return run([...enter, ...command], { input, env });
}

/** Runs server/sshd-control.sh on the host of the servers. */
export function control(args: readonly string[], input: string = ""): Promise<CommandResult> {
  const host = findHost();
  return containerExec(["bash", `${host?.scripts}/sshd-control.sh`, ...args], { input });
}
