import { goProgram } from "./go.ts";
import { ensurePrograms, PROGRAMS } from "./install.ts";

/** A vitest `globalSetup`. Installs the peer programs, and compiles those written in Go, before the first worker starts. */
export async function setup(): Promise<void> {
  await ensurePrograms(PROGRAMS);
  await goProgram("client");
  await goProgram("server");
}
