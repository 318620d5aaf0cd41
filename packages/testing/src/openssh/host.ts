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
 * Runs a command as root on the host of the servers. Takes about 0.2 s if Podman has to run it (`enterContainer`).
 *
 * @throws if no host is set, or if the command takes longer than `options.timeoutMs` (default 30,000).
 */
export function containerExec(command: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  const { enter, env } = requireHost();
  return run([...enter, ...command], { ...options, env: { ...env, ...options.env } });
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
  const { enter, env, scripts } = requireHost();
  // Container engines cannot do it, and processes in the container are not permitted to.
  return run(["nsenter", `--net=${namespace}`, ...enter, "bash", `${scripts}/sshd-control.sh`, ...args], {
    input,
    env,
  });
}

/** Runs server/sshd-control.sh on the host of the servers. */
export function control(args: readonly string[], input: string = ""): Promise<CommandResult> {
  return containerExec(["bash", `${requireHost().scripts}/sshd-control.sh`, ...args], { input });
}

function requireHost(): OpenSshHost {
  const host = findHost();
  if (host === undefined)
    throw new Error(
      "no OpenSSH container is running; call `ensureContainer`, or list scripts/config/openssh-setup.ts as a `globalSetup`",
    );
  return host;
}
