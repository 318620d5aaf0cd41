// The settings of `pnpm docs`: one entry point for each one that the published packages export.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

const packages = publishedPackages();

/** @type {Partial<import("typedoc").TypeDocOptions>} */
export default {
  name: "Nacre",
  plugin: [nameModules],
  readme: `${root}README.md`,
  entryPoints: packages.flatMap(({ entries }) => entries.map(({ source }) => join(root, source))),
  tsconfig: `${root}scripts/docs/tsconfig.json`,
  basePath: root,
  out: `${root}docs`,
  githubPages: false,
  disableSources: true,
  includeVersion: false,
  excludeExternals: true,
  excludePrivate: true,
  excludeProtected: true,
  excludeInternal: true,
  // Comments that Node's types hand down link within Node's own reference.
  externalSymbolLinkMappings: { "@types/node": { "*": "#" } },
  validation: {
    notDocumented: true,
    notExported: false,
    invalidLink: true,
    rewrittenLink: true,
    unusedMergeModuleWith: true,
  },
  // By default only the package of this folder.
  packagesRequiringDocumentation: packages.map(({ name }) => name),
  requiredToBeDocumented: ["Class", "Interface", "Function", "TypeAlias", "Variable", "Enum", "Namespace"],
  // `npm run check` has compiled the sources already.
  skipErrorChecking: true,
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
};

/** Returns the published packages, each with the import specifiers of its entries and their sources. Throws if there are too few to be all. */
function publishedPackages() {
  const found = readdirSync(`${root}packages`).flatMap((folder) => {
    const manifest = `${root}packages/${folder}/package.json`;
    if (!existsSync(manifest)) return [];
    const { name, private: isPrivate, exports = {} } = JSON.parse(readFileSync(manifest, "utf8"));
    const entries = Object.entries(exports).flatMap(([path, { "@nacre/source": source }]) =>
      source === undefined ? [] : { specifier: join(name, path), source: join("packages", folder, source) },
    );
    return isPrivate ? [] : { name, entries };
  });
  if (found.length < 15) throw new Error(`only ${found.length} published packages found in packages`);
  return found;
}

/** Names each module by its import specifier instead of its path. */
function nameModules({ converter }) {
  const specifiers = new Map(
    packages.flatMap(({ entries }) =>
      entries.map(({ specifier, source }) => [source.replace(/(?:\/index)?\.ts$/, ""), specifier]),
    ),
  );
  converter.on("resolveBegin", ({ project }) => {
    for (const module of project.children ?? []) {
      const specifier = specifiers.get(module.name);
      if (specifier === undefined) throw new Error(`module ${module.name} has no import specifier`);
      module.name = specifier;
    }
  });
}
