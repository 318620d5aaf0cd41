import { execFile, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { isBuilt } from "../../../../scripts/build/fingerprint.mjs";
import { pack } from "../../../../scripts/pack.ts";
import { ensureRuntimes } from "../../../../scripts/runtimes/install.ts";

const { packageManager } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly packageManager: string };

/** How a user of each package manager names this package in the place of ssh2. */
export const OVERRIDES = {
  npm: { overrides: { ssh2: "npm:@nacre/ssh2@^1.17.0" } },
  pnpm: { pnpm: { overrides: { ssh2: "npm:@nacre/ssh2@^1.17.0" } } },
  yarn: { resolutions: { ssh2: "npm:@nacre/ssh2@^1.17.0" } },
  bun: { overrides: { ssh2: "npm:@nacre/ssh2@^1.17.0" } },
} as const;

export type Manager = keyof typeof OVERRIDES;

/** A project outside of the workspace, with packages of the registry. */
export interface Project {
  readonly folder: string;
  /** Runs a program of `programs` in it, and resolves with its standard output. Throws if it fails. */
  program(name: string, env?: Readonly<Record<string, string>>): Promise<string>;
  /** Runs a command in it, and resolves with its output and errors. Throws if it fails. */
  command(words: readonly string[], env?: Readonly<Record<string, string>>): Promise<string>;
}

/** Packs this package as it is published, and returns the path of the tarball. */
export function packSsh2(): string {
  if (!isBuilt("packages/ssh2")) {
    const script = ["--conditions=@nacre/source", "--import", "tsx", "scripts/bundle-packages.ts"];
    const { status, stderr } = spawnSync(process.execPath, script, { encoding: "utf8" });
    if (status !== 0) throw new Error(`cannot build the packages: ${stderr}`);
  }
  const [tarball] = pack(mkdtempSync(join(tmpdir(), "nacre-ssh2-tarball-")), "@nacre/ssh2");
  return tarball!;
}

/** Makes a project and installs `dependencies`. `registry` is the URL of that with this package. */
export async function makeProject(
  manager: Manager,
  registry: string,
  dependencies: Readonly<Record<string, string>>,
  manifest: Readonly<Record<string, unknown>> = OVERRIDES[manager],
): Promise<Project> {
  const folder = mkdtempSync(join(tmpdir(), `nacre-ssh2-${manager}-`));
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ name: "project", private: true, dependencies, ...manifest }),
  );
  writeFileSync(join(folder, ".npmrc"), `@nacre:registry=${registry}/\n`);
  cpSync(join(import.meta.dirname, "programs"), folder, { recursive: true });
  const project: Project = {
    folder,
    program: (name, env) => project.command([process.execPath, name], env),
    async command([command, ...args], env = {}) {
      const options = { cwd: folder, timeout: 300_000, maxBuffer: 1 << 26, env: { ...process.env, CI: "1", ...env } };
      try {
        const { stdout, stderr } = await promisify(execFile)(command!, args, options);
        return command === process.execPath ? stdout : stdout + stderr;
      } catch (error) {
        const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
        throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}${stderr}`, { cause: error });
      }
    },
  };
  await project.command([...(await installWords(manager)), "--ignore-scripts"]);
  return project;
}

/** Returns the command that installs with a package manager. */
async function installWords(manager: Manager): Promise<readonly string[]> {
  if (manager === "npm") return ["npm", "install", "--no-audit", "--no-fund"];
  if (manager === "pnpm") return ["npx", "--yes", packageManager, "install", "--ignore-workspace"];
  if (manager === "yarn") return ["npx", "--yes", "yarn@1.22.22", "install", "--non-interactive"];
  const { runtimes } = await ensureRuntimes();
  return [runtimes.find(({ name }) => name === "bun")!.path, "install"];
}

/** Returns the names of all installed copies of ssh2, by their own manifests. */
export function installedAsSsh2(folder: string): string[] {
  return readdirSync(join(folder, "node_modules"), { recursive: true, encoding: "utf8" })
    .filter(
      (path) =>
        /(?:^|\/)node_modules\/ssh2$|^ssh2$/.test(path) &&
        existsSync(join(folder, "node_modules", path, "package.json")),
    )
    .map(
      (path) =>
        (JSON.parse(readFileSync(join(folder, "node_modules", path, "package.json"), "utf8")) as { name: string }).name,
    );
}

/** Removes a project. */
export function removeProject(project: Project | undefined): void {
  if (project !== undefined) rmSync(project.folder, { recursive: true, force: true, maxRetries: 3 });
}

/** Makes a folder in a project. */
export function folderOf(project: Project, name: string): string {
  mkdirSync(join(project.folder, name), { recursive: true });
  return join(project.folder, name);
}
