/** Collects garbage until none is left. Throws where the process was not started with `--expose-gc`. */
export async function collectGarbage(): Promise<void> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("a process whose memory is counted needs --expose-gc");
  // What one collection finds dead may keep alive what the next one finds, and pages go back to the system a little later.
  for (let i = 0; i < 4; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
