import { ensureContainer, type RunningContainer } from "./container.ts";

let container: RunningContainer | undefined;

/** A vitest `globalSetup`. Starts the container before the first worker, so that every worker finds it in its environment. */
export async function setup(): Promise<void> {
  container = await ensureContainer();
}

export async function teardown(): Promise<void> {
  await container?.stop();
}
