/** Runs the garbage collector several times. Throws if the process was started without `--expose-gc`. */
export async function collectGarbage(): Promise<void> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("measuring memory needs node --expose-gc");
  // One collection is not enough: it can make further objects collectable, and V8 returns pages to the system with a delay.
  for (let i = 0; i < 4; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
