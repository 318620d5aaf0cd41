/** A runtime that has Node's modules. Electron and whatever is not known count as Node. */
export type Runtime = "node" | "deno" | "bun";

/** The runtime of this process. For what no use can show in time; anything else is probed (`crypto/probe.ts`). */
export const runtime: Runtime = runtimeOf(process.versions);

/** The runtime that reports these versions. */
export function runtimeOf(versions: Readonly<Record<string, string | undefined>>): Runtime {
  if (versions.deno !== undefined) return "deno";
  return versions.bun !== undefined ? "bun" : "node";
}
