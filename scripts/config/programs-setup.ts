import { goProgram } from "@nacre/testing/peers/go";
import { ensurePrograms, PROGRAMS } from "@nacre/testing/peers/install";

/** A vitest `globalSetup`. Installs the peer programs, and compiles those written in Go, before the first worker starts. */
export async function setup(): Promise<void> {
  await ensurePrograms(PROGRAMS);
  await goProgram("client");
  await goProgram("server");
}
