import { goProgram } from "./go.ts";
import { ensurePeers } from "./install.ts";

/** A vitest `globalSetup`: installs the peers and compiles those in Go before the first worker starts. */
export async function setup(): Promise<void> {
  await ensurePeers();
  await goProgram("client");
  await goProgram("server");
}
