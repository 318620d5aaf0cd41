// typedoc's settings for `npm run docs`, with one entry point for each entry that the published packages export.
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
  // Comments inherited from Node's types have links that resolve only in Node's own reference.
  externalSymbolLinkMappings: { "@types/node": { "*": "#" } },
  validation: {
    notDocumented: true,
    notExported: false,
    invalidLink: true,
    rewrittenLink: true,
    unusedMergeModuleWith: true,
  },
  // The default is only the package in this folder.
  packagesRequiringDocumentation: packages.map(({ name }) => name),
  requiredToBeDocumented: ["Class", "Interface", "Function", "TypeAlias", "Variable", "Enum", "Namespace"],
  // `npm run check` compiles the sources before it runs typedoc.
  skipErrorChecking: true,
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
};

/** Returns the published packages, each with the import specifiers and source files of its entries. Throws if it finds too few. */
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
  if (found.length < 15)
    throw new Error(`found only ${found.length} published packages in packages/; expected at least 15`);
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
