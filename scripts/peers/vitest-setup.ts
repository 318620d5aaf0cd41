import { ensurePeers } from "./install.ts";

/** A vitest `globalSetup`: the peers are there before the first worker starts. */
export async function setup(): Promise<void> {
  await ensurePeers();
}
