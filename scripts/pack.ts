// Packs the packages as they are published, into the folder `tarballs`: npm run tarballs
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { publishedManifest, publishedReadme } from "./build/published.ts";

const { packageManager } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly packageManager: string };

/**
 * Packs all packages, or the one that is named, into a folder. pnpm writes the versions of dependencies into their manifests; what only a
 * clone needs is then taken out.
 *
 * @returns the paths of the tarballs.
 * @throws if packing fails, or packs fewer packages than there are.
 */
export function pack(to: string, only?: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), "nacre-pack-"));
  try {
    const published =
      only === undefined ? ["--filter", "./packages/*", "--filter", "!@nacre/testing"] : ["--filter", only];
    run("npx", ["--yes", packageManager, "-r", ...published, "pack", "--pack-destination", folder]);
    const tarballs = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
    const least = only === undefined ? 16 : 1;
    if (tarballs.length < least) throw new Error(`packed only ${tarballs.length} packages; expected at least ${least}`);
    mkdirSync(to, { recursive: true });
    return tarballs.map((name) => {
      run("tar", ["-xzf", join(folder, name), "-C", folder]);
      change(join(folder, "package", "package.json"), publishedManifest);
      const { name: packageName } = JSON.parse(readFileSync(join(folder, "package", "package.json"), "utf8")) as {
        readonly name: string;
      };
      for (const document of ["README.md", "GUIDE.md"].filter((file) => existsSync(join(folder, "package", file))))
        change(join(folder, "package", document), (text) =>
          publishedReadme(text, `packages/${packageName.replace("@nacre/", "")}`),
        );
      const tarball = resolve(to, name);
      run("tar", ["-czf", tarball, "-C", folder, "--owner=0", "--group=0", "package"]);
      rmSync(join(folder, "package"), { recursive: true });
      return tarball;
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function change(file: string, edit: (text: string) => string): void {
  writeFileSync(file, edit(readFileSync(file, "utf8")));
}

function run(tool: string, args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(tool, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${tool} ${args.join(" ")}: ${error?.message ?? `${stdout}${stderr}`}`);
}

if (import.meta.filename === process.argv[1]) {
  pack("tarballs");
  console.error("✓ tarballs: npm install PATH/TO/tarballs/*.tgz");
}
