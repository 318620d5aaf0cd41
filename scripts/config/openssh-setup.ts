import { ensureContainer, type RunningContainer } from "@nacre/testing/openssh/container";
import { ensurePrograms, OPENSSH } from "@nacre/testing/peers/install";

let container: RunningContainer | undefined;

/**
 * A vitest `globalSetup`. Installs the programs and starts the container before the first worker, so that every worker finds it in its
 * environment.
 */
export async function setup(): Promise<void> {
  await ensurePrograms(OPENSSH);
  container = await ensureContainer();
}

export async function teardown(): Promise<void> {
  await container?.stop();
}
