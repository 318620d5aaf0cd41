import { goProgram } from "./go.ts";
import { ensurePeers } from "./install.ts";

/** A vitest `globalSetup`. Installs the peer programs, and compiles those written in Go, before the first worker starts. */
export async function setup(): Promise<void> {
  await ensurePeers();
  await goProgram("client");
  await goProgram("server");
}
