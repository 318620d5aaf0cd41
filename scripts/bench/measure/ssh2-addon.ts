import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { must } from "@nacre/testing/openssh/run";

/** Folder next to the compiled programs, which load the addon from there. */
const folder = fileURLToPath(new URL("../../../node_modules/.cache/nacre-bench/ssh2-addon/", import.meta.url));

/**
 * Copies the installed `ssh2` and `cpu-features`, and builds the native addons of the copies. The installed packages stay without addons.
 * Needs npm, Python, make and a C++ compiler. The result is reused until the version of ssh2 or Node changes.
 */
export async function buildSsh2Addon(): Promise<void> {
  const ssh2 = createRequire(import.meta.url).resolve("ssh2/package.json");
  const { version } = JSON.parse(await readFile(ssh2, "utf8")) as { version: string };
  const made = `ssh2 ${version}, Node ${process.version}\n`;
  const stamp = join(folder, "made");
  if ((await readFile(stamp, "utf8").catch(() => "")) === made) return;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), '{ "private": true }\n');
  await copyWithDependencies("ssh2", import.meta.url, new Set());
  await must(["npm", "rebuild", "--prefix", folder], { timeoutMs: 300_000, env: await headers() });
  // ssh2's install script succeeds even if the build fails.
  const { bindingAvailable } = createRequire(folder)("ssh2/lib/protocol/crypto.js") as { bindingAvailable: boolean };
  if (!bindingAvailable)
    throw new Error("building the native addon of ssh2 failed; install Python, make and a C++ compiler");
  await writeFile(stamp, made);
}

async function copyWithDependencies(name: string, from: string, copied: Set<string>): Promise<void> {
  if (copied.has(name)) return;
  copied.add(name);
  const packageFile = createRequire(from).resolve(`${name}/package.json`);
  await cp(dirname(packageFile), join(folder, "node_modules", name), { recursive: true, dereference: true });
  const { dependencies, optionalDependencies } = JSON.parse(await readFile(packageFile, "utf8")) as Record<
    string,
    Record<string, string> | undefined
  >;
  for (const one of Object.keys({ ...dependencies, ...optionalDependencies })) {
    await copyWithDependencies(one, packageFile, copied);
  }
}

/** Returns the setting for node-gyp to use Node's installed headers; empty if they are missing, so that node-gyp downloads them. */
async function headers(): Promise<Record<string, string>> {
  const prefix = dirname(dirname(process.execPath));
  const file = join(prefix, "include/node/node_version.h");
  const [major = "", minor = "", patch = ""] = process.versions.node.split(".");
  const text = await readFile(file, "utf8").catch(() => "");
  const fits = [`MAJOR_VERSION ${major}`, `MINOR_VERSION ${minor}`, `PATCH_VERSION ${patch}`].every((line) =>
    text.includes(`#define NODE_${line}\n`),
  );
  return fits ? { npm_config_nodedir: prefix } : {};
}
