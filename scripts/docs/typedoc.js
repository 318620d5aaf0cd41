// The settings of `pnpm docs`: one entry point for each one that the published packages export.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** @type {Partial<import("typedoc").TypeDocOptions>} */
export default {
  name: "Nacre",
  readme: `${root}README.md`,
  entryPoints: entryPoints(),
  tsconfig: `${root}scripts/docs/tsconfig.json`,
  basePath: root,
  out: `${root}docs`,
  githubPages: false,
  disableSources: true,
  includeVersion: false,
  excludeExternals: true,
  excludePrivate: true,
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
  requiredToBeDocumented: ["Class", "Interface", "Function", "TypeAlias", "Variable", "Enum", "Namespace"],
  // `npm run check` has compiled the sources already.
  skipErrorChecking: true,
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
};

/** Returns the source of each entry of each package that is published. Throws if there are too few to be all. */
function entryPoints() {
  const found = readdirSync(`${root}packages`).flatMap((name) => {
    const folder = `${root}packages/${name}`;
    if (!existsSync(`${folder}/package.json`)) return [];
    const { private: isPrivate, exports = {} } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
    if (isPrivate) return [];
    return Object.values(exports).flatMap((entry) =>
      entry["@nacre/source"] ? join(folder, entry["@nacre/source"]) : [],
    );
  });
  if (found.length < 15) throw new Error(`only ${found.length} entry points found in packages/*/package.json`);
  return found;
}
