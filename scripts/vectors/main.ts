// Generates the test vectors: runs every script in this folder, or those named as arguments.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";

const folder = new URL(".", import.meta.url).pathname;
const names = readdirSync(folder)
  .filter((name) => name.endsWith(".ts") && name !== "main.ts")
  .map((name) => name.replace(".ts", ""))
  .filter((name) => process.argv.length < 3 || process.argv.includes(name));
if (names.length === 0) throw new Error(`unknown script: ${process.argv.slice(2).join(" ")}`);

for (const name of names) {
  console.log(`generating ${name}`);
  const args = ["--conditions=@nacre/source", "--import", "tsx", `${folder}${name}.ts`];
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
