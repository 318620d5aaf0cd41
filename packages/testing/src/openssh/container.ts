import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";
import { type ContainerEngine, findContainerEngine } from "./container-engine.ts";
import { findHost, type OpenSshHost, setHost } from "./host.ts";
import { ensureImage } from "./image.ts";
import { endKeeper, untilReady } from "./keeper.ts";
import { startPlainHost } from "./plain.ts";
import { must, run, say } from "./run.ts";

/** The container, or the plain host, with the servers of a run. */
export interface RunningContainer {
  /** Description for output: the container and its image, or a note that there is no container. */
  readonly description: string;
  /** Stops the container and its servers. Does nothing in a process that did not start the container. */
  stop(): Promise<void>;
}

const label = "nacre.openssh.owner";
const nothingToStop: () => Promise<void> = async () => {};

/**
 * Starts the container in which `startSshd()` starts servers: finds or installs a container engine, builds the image, and runs it. If this
 * process or one of its ancestors has already started a container, that one is used.
 *
 * If no container can run, a plain sshd on this machine is used instead, with a warning on standard error. Set `NACRE_OPENSSH_PLAIN=1` to
 * choose it.
 *
 * The container ends on `stop()`, and also when this process exits or is killed.
 *
 * @throws if neither works, with the reasons of both.
 */
export async function ensureContainer(): Promise<RunningContainer> {
  const found = findHost();
  if (found !== undefined) return { description: found.description, stop: nothingToStop };
  const password = `correct horse ${randomBytes(6).toString("hex")}`;

  let failure = "NACRE_OPENSSH_PLAIN is set";
  if (process.env["NACRE_OPENSSH_PLAIN"] !== "1") {
    try {
      return await startContainer(password);
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
  }
  try {
    return await startPlainHost(password, failure);
  } catch (error) {
    throw new Error(`cannot start a container: ${failure}\ncannot start a plain sshd: ${String(error)}`, {
      cause: error,
    });
  }
}

async function startContainer(password: string): Promise<RunningContainer> {
  const containerEngine = await findContainerEngine();
  const { program, env } = containerEngine;
  await removeStale(containerEngine);
  const image = await ensureImage(containerEngine);
  const name = `nacre-openssh-${process.pid}-${randomBytes(3).toString("hex")}`;

  const options = [
    `--name=${name}`,
    `--label=${label}=${await identify("self")}`,
    // The servers listen on loopback ports of this machine.
    "--network=host",
    "--pids-limit=-1",
    "--log-driver=none",
    // Benchmarks keep files in memory. The memory is used only as far as it is written.
    "--shm-size=8g",
    // Debian's sshd writes audit records if the kernel supports them. Podman does not allow that by default.
    "--cap-add=AUDIT_WRITE",
    // The password is passed in the environment, as other users can read the command line.
    "--env=NACRE_PASSWORD",
  ];
  const keeper = spawn(program, ["run", "--rm", "--interactive", ...options, image], {
    env: { ...process.env, ...env, NACRE_PASSWORD: password },
    stdio: "pipe",
    // Keeps Ctrl-C from the keeper. This process handles it, and closes the keeper's standard input.
    detached: true,
  });
  let way: Pick<OpenSshHost, "enter" | "env">;
  try {
    await untilReady(keeper, `${program} run ${image}`, 60_000);
    way = await enterContainer(containerEngine, name, password);
  } catch (error) {
    await remove(containerEngine, name);
    throw error;
  }
  const description = `container ${name} (${program}, ${image})`;
  setHost({ ...way, description, scripts: "/usr/local/lib/nacre-openssh", password });
  return {
    description,
    stop: async () => {
      setHost(undefined);
      if (await endKeeper(keeper)) return;
      say(`${name} did not end within 10 s; removing it`);
      await remove(containerEngine, name);
    },
  };
}

/**
 * Resolves with the command prefix that runs a command in the container, and its environment variables. As root on the container's machine
 * it is `nsenter`, which takes 2 ms of CPU time where a container engine takes 100. The tests run hundreds of commands.
 */
async function enterContainer(
  { program, env }: ContainerEngine,
  name: string,
  password: string,
): Promise<Pick<OpenSshHost, "enter" | "env">> {
  const pid = (await must([program, "inspect", "--format", "{{.State.Pid}}", name], { env })).trim();
  const environ = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
  const variables = environ.split("\0").filter((line) => line !== "");
  // The engine of another machine tells the id of a process there.
  if (process.getuid?.() !== 0 || !variables.includes(`NACRE_PASSWORD=${password}`))
    return { enter: [program, "exec", "--interactive", name], env };
  return {
    enter: ["nsenter", `--target=${pid}`, "--mount", "--uts", "--ipc", "--pid"],
    env: Object.fromEntries(
      variables.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    ),
  };
}

/** Removes containers of owners that no longer run. They remain if the container engine's client was killed together with the owner. */
async function removeStale(containerEngine: ContainerEngine): Promise<void> {
  const { program, env } = containerEngine;
  const format = `{{.ID}} {{.Label "${label}"}}`;
  const listed = await run([program, "ps", "--all", "--filter", `label=${label}`, "--format", format], { env });
  const [, , ours] = (await identify("self")).split("@");
  for (const line of listed.stdout.split("\n")) {
    const [id, owner = ""] = line.trim().split(" ");
    const [pid = "", , namespace] = owner.split("@");
    // An owner on another machine or in another container is not visible here, so its container is kept.
    if (id === undefined || namespace !== ours || owner === (await identify(pid))) continue;
    say(`removing container ${id} of an earlier run that was killed`);
    await remove(containerEngine, id);
  }
}

async function remove({ program, env }: ContainerEngine, container: string): Promise<void> {
  // By default Podman sends SIGTERM and waits ten seconds.
  const now = program === "podman" ? ["--time=0"] : [];
  await run([program, "rm", "--force", ...now, container], { env });
}

/**
 * Returns an identifier of a process that is never reused: `id@start time@namespace`. The last part identifies the boot and the process
 * namespace in which the id is valid. Returns an empty string if there is no such process.
 */
async function identify(process: string): Promise<string> {
  try {
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    const namespace = await readlink(`/proc/self/ns/pid`);
    const stat = await readFile(`/proc/${process}/stat`, "utf8");
    // The second field is the program's name in parentheses and may contain any character. The start time is field 22.
    const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    return `${stat.split(" ")[0]}@${started}@${boot.trim()}-${namespace.replace(/\D/g, "")}`;
  } catch {
    return "";
  }
}
