import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";
import { type Engine, findEngine } from "./engine.ts";
import { findHost, setHost } from "./host.ts";
import { ensureImage } from "./image.ts";
import { endKeeper, untilReady } from "./keeper.ts";
import { startPlainHost } from "./plain.ts";
import { must, run, say } from "./run.ts";

/** The one place a run's servers live in. */
export interface RunningContainer {
  /** For people: which container of which image, or that it is no container. */
  readonly description: string;
  /** Ends it with all its servers. Does nothing in a process that only found it up. */
  stop(): Promise<void>;
}

const label = "nacre.openssh.owner";
const nothingToStop: () => Promise<void> = async () => {};

/**
 * Brings up the container that `startSshd()` starts servers in: finds or installs an engine, builds the image, runs
 * it. When it is up already, in this process or one of its ancestors, that one is used.
 *
 * Where no container can run, a plain sshd on this machine stands in, and standard error says so loudly.
 * `NACRE_OPENSSH_PLAIN=1` asks for that.
 *
 * The container ends with `stop()`, and also when this process ends without it, however it ends.
 *
 * @throws when neither works, with the reasons of both.
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
    throw new Error(`no container can run: ${failure}\nand no plain sshd either: ${String(error)}`, { cause: error });
  }
}

async function startContainer(password: string): Promise<RunningContainer> {
  const engine = await findEngine();
  const { program, env } = engine;
  await removeStale(engine);
  const image = await ensureImage(engine);
  const name = `nacre-openssh-${process.pid}-${randomBytes(3).toString("hex")}`;

  const options = [
    `--name=${name}`,
    `--label=${label}=${await identify("self")}`,
    // The servers listen on any number of loopback ports of this machine.
    "--network=host",
    "--pids-limit=-1",
    "--log-driver=none",
    // Debian's sshd writes audit records where the kernel takes them, and Podman does not allow that by itself.
    "--cap-add=AUDIT_WRITE",
    // The value comes from the environment: a command line is for everybody to see.
    "--env=NACRE_PASSWORD",
  ];
  const keeper = spawn(program, ["run", "--rm", "--interactive", ...options, image], {
    env: { ...process.env, ...env, NACRE_PASSWORD: password },
    stdio: "pipe",
    // Ctrl-C is for this process, which then lets go of the keeper's standard input.
    detached: true,
  });
  let pid: number;
  try {
    await untilReady(keeper, `${program} run ${image}`, 60_000);
    pid = Number(await must([program, "inspect", "--format", "{{.State.Pid}}", name], { env }));
  } catch (error) {
    await remove(engine, name);
    throw error;
  }
  const description = `container ${name} (${program}, ${image})`;
  setHost({
    description,
    enter: [program, "exec", "--interactive", name],
    env,
    pid,
    scripts: "/usr/local/lib/nacre-openssh",
    password,
  });
  return {
    description,
    stop: async () => {
      setHost(undefined);
      if (await endKeeper(keeper)) return;
      say(`${name} does not end by itself: removing it`);
      await remove(engine, name);
    },
  };
}

/** Removes containers whose owner is no more: the engine's client that should have ended them was killed too. */
async function removeStale(engine: Engine): Promise<void> {
  const { program, env } = engine;
  const format = `{{.ID}} {{.Label "${label}"}}`;
  const listed = await run([program, "ps", "--all", "--filter", `label=${label}`, "--format", format], { env });
  const [, , ours] = (await identify("self")).split("@");
  for (const line of listed.stdout.split("\n")) {
    const [id, owner = ""] = line.trim().split(" ");
    const [pid = "", , namespace] = owner.split("@");
    // The owner may be where we see no processes: another machine, another container.
    if (id === undefined || namespace !== ours || owner === (await identify(pid))) continue;
    say(`removing container ${id} of an earlier run that died`);
    await remove(engine, id);
  }
}

async function remove({ program, env }: Engine, container: string): Promise<void> {
  // Podman would first ask nicely, and wait ten seconds.
  const now = program === "podman" ? ["--time=0"] : [];
  await run([program, "rm", "--force", ...now, container], { env });
}

/** A process for good: `id@start time@namespace`, the last being where and since which boot ids count. */
async function identify(process: string): Promise<string> {
  try {
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    const namespace = await readlink(`/proc/self/ns/pid`);
    const stat = await readFile(`/proc/${process}/stat`, "utf8");
    // The second field is the program's name in brackets and may hold anything; the start time is the 22nd.
    const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    return `${stat.split(" ")[0]}@${started}@${boot.trim()}-${namespace.replace(/\D/g, "")}`;
  } catch {
    return "";
  }
}
