import { ensurePrograms, OPENSSH } from "../peers/install.ts";
import { ensureContainer, type RunningContainer } from "./container.ts";

let container: RunningContainer | undefined;

/** A vitest `globalSetup`. Installs the programs and starts the container before the first worker, so that every worker finds it in its environment. */
export async function setup(): Promise<void> {
  await ensurePrograms(OPENSSH);
  container = await ensureContainer();
}

export async function teardown(): Promise<void> {
  await container?.stop();
}
