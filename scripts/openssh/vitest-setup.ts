import { ensureContainer, type RunningContainer } from "./container.ts";

let container: RunningContainer | undefined;

/** A vitest `globalSetup`: the container is up before the first worker starts, and in every worker's environment. */
export async function setup(): Promise<void> {
  container = await ensureContainer();
}

export async function teardown(): Promise<void> {
  await container?.stop();
}
