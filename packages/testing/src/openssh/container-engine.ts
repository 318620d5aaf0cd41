import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { canInstallPackages, installPackages } from "./debian.ts";
import { run } from "./run.ts";

/** A working container engine, with the environment variables to call it with. */
export interface ContainerEngine {
  readonly program: "docker" | "podman";
  readonly env: Readonly<Record<string, string>>;
}

/** Returns the folder that is kept between runs, with images, settings and locks. */
export function cacheFolder(): string {
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "nacre", "openssh");
}

/**
 * Returns Docker if its daemon runs, otherwise Podman. Installs Podman if both are missing and this process is root on a Debian machine.
 *
 * @throws if neither is available, with the packages to install.
 */
export async function findContainerEngine(): Promise<ContainerEngine> {
  if ((await run(["docker", "info"])).status === 0) return { program: "docker", env: {} };

  const missing = [];
  for (const program of ["podman", "runc"]) {
    if ((await run([program, "--version"])).status !== 0) missing.push(program);
  }
  if (missing.length > 0 && (await canInstallPackages())) {
    await installPackages(["podman", "runc", "netavark"]);
  } else if (missing.includes("podman")) {
    throw new Error("neither Docker nor Podman is available; start Docker, or install podman and runc");
  }

  // Users other than root keep their own Podman settings and storage.
  const env = process.getuid?.() === 0 ? await rootSettings() : {};
  const { status, stderr } = await run(["podman", "info"], { env });
  if (status !== 0) throw new Error(`podman info failed with status ${status}: ${stderr}`);
  return { program: "podman", env };
}

/**
 * Writes settings with which Podman works as root on minimal machines: without systemd, with cgroups v1, with a kernel that crun does not
 * support, or with hard limits that cannot be raised. Podman's storage is in the cache folder. Returns the environment variables.
 */
async function rootSettings(): Promise<Record<string, string>> {
  const cache = cacheFolder();
  await mkdir(cache, { recursive: true });
  const limits = await readFile("/proc/self/limits", "utf8");
  const ulimits = [
    ["nofile", "Max open files"],
    ["nproc", "Max processes"],
  ].flatMap(([name, title]) => {
    const hard = new RegExp(`^${title} +\\S+ +(\\d+)`, "m").exec(limits)?.[1];
    return hard === undefined ? [] : [`"${name}=${hard}:${hard}"`];
  });
  // Runtime state is valid only until the next boot, so it is kept out of the cache.
  const runtime = `/run/nacre-openssh-${createHash("sha256").update(cache).digest("hex").slice(0, 8)}`;

  const containersConf = join(cache, "containers.conf");
  const storageConf = join(cache, "storage.conf");
  await writeFile(
    containersConf,
    `[containers]
default_ulimits = [${ulimits.join(", ")}]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "${runtime}/libpod"
`,
  );
  await writeFile(
    storageConf,
    `[storage]
driver = "overlay"
graphroot = "${cache}/storage"
runroot = "${runtime}/storage"
`,
  );
  return {
    CONTAINERS_CONF: containersConf,
    CONTAINERS_STORAGE_CONF: storageConf,
    PODMAN_IGNORE_CGROUPSV1_WARNING: "1",
    BUILDAH_FORMAT: "docker",
  };
}
