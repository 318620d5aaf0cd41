/** Returns the current runtime. Checks the globals `Deno` and `Bun` first, because both runtimes also set `process.versions.node`. */
export function runningIn(): { readonly name: string; readonly version: string } {
  const { deno, bun, node } = process.versions as Readonly<Record<string, string | undefined>>;
  if ("Deno" in globalThis) return { name: "deno", version: String(deno) };
  if ("Bun" in globalThis) return { name: "bun", version: String(bun) };
  if (process.platform === "win32") return { name: "windows", version: String(node) };
  return { name: `node${node?.split(".")[0]}`, version: String(node) };
}
