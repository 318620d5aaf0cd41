/** The runtime that executes this, asked of its own globals: both Deno and Bun have `process.versions.node`, too. */
export function runningIn(): { readonly name: string; readonly version: string } {
  const { deno, bun, node } = process.versions as Readonly<Record<string, string | undefined>>;
  if ("Deno" in globalThis) return { name: "deno", version: String(deno) };
  if ("Bun" in globalThis) return { name: "bun", version: String(bun) };
  return { name: `node${node?.split(".")[0]}`, version: String(node) };
}
