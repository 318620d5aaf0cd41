import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type ContainerEngine, cacheFolder } from "./container-engine.ts";
import { canInstallPackages, installPackages } from "./debian.ts";
import { withLock } from "./lock.ts";
import { must, run, say } from "./run.ts";

const here: string = import.meta.dirname;
const baseImage = "docker.io/library/debian:trixie-slim";

/**
 * Returns the name of the image of this folder's Dockerfile. Builds the image if it does not exist. The name contains a hash of its source
 * files.
 *
 * @throws if the image cannot be built, with the container engine's output.
 */
export async function ensureImage(containerEngine: ContainerEngine): Promise<string> {
  const name = `localhost/nacre-openssh:${await contentHash()}`;
  if (await hasImage(containerEngine, name)) return name;
  const cache = cacheFolder();
  await mkdir(cache, { recursive: true });
  return withLock(join(cache, "build.lock"), async () => {
    if (!(await hasImage(containerEngine, name))) await build(containerEngine, name);
    return name;
  });
}

async function contentHash(): Promise<string> {
  const hash = createHash("sha256");
  const server = await readdir(join(here, "server"), { recursive: true, withFileTypes: true });
  const files = server.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of [join(here, "Dockerfile"), ...files.sort()]) {
    const content = await readFile(file);
    hash.update(`${file.slice(here.length)} ${content.length}\n`).update(content);
  }
  return hash.digest("hex").slice(0, 16);
}

async function hasImage({ program, env }: ContainerEngine, name: string): Promise<boolean> {
  return (await run([program, "image", "inspect", name], { env })).status === 0;
}

async function build(containerEngine: ContainerEngine, name: string): Promise<void> {
  const { program, env } = containerEngine;
  if (!(await hasImage(containerEngine, baseImage))) {
    const pulled = await run([program, "pull", baseImage], { env, timeoutMs: 300_000 });
    if (pulled.status !== 0) await makeBaseImage(containerEngine, pulled.stderr.trimEnd().split("\n").at(-1) ?? "");
  }
  say(`building the image ${name} with ${program}`);
  // Without --network=host the build would need a network bridge, which some kernels do not support.
  await must([program, "build", "--network=host", "-t", name, here], { env, timeoutMs: 900_000 });
}

/** Makes the base image from Debian's packages, for machines that cannot reach an image registry. The content is the same. */
async function makeBaseImage({ program, env }: ContainerEngine, why: string): Promise<void> {
  say(`image registry not reachable (${why}); making ${baseImage} from Debian's packages`);
  if ((await run(["mmdebstrap", "--version"])).status !== 0) {
    if (!(await canInstallPackages())) {
      throw new Error(`cannot pull ${baseImage} (${why}); pull it by hand, or install mmdebstrap`);
    }
    await installPackages(["mmdebstrap"]);
  }
  const archive = join(cacheFolder(), "base.tar");
  try {
    await must(["mmdebstrap", "--variant=minbase", "trixie", archive], { timeoutMs: 900_000 });
    await must([program, "import", archive, baseImage], { env, timeoutMs: 300_000 });
  } finally {
    await rm(archive, { force: true });
  }
}
