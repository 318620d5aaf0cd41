// The settings of `pnpm docs`: one entry point for each one that the published packages export.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

const packages = publishedPackages();

/** @type {Partial<import("typedoc").TypeDocOptions>} */
export default {
  name: "Nacre",
  readme: `${root}README.md`,
  entryPoints: packages.flatMap(({ entries }) => entries),
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

/** Returns names and exported sources of the published packages. Throws if there are too few to be all. */
function publishedPackages() {
  const found = readdirSync(`${root}packages`).flatMap((folder) => {
    const manifest = `${root}packages/${folder}/package.json`;
    if (!existsSync(manifest)) return [];
    const { name, private: isPrivate, exports = {} } = JSON.parse(readFileSync(manifest, "utf8"));
    const sources = Object.values(exports).flatMap((entry) => entry["@nacre/source"] ?? []);
    return isPrivate ? [] : { name, entries: sources.map((source) => join(root, "packages", folder, source)) };
  });
  if (found.length < 15) throw new Error(`only ${found.length} published packages found in packages`);
  return found;
}
