// Decides which packages have to be built. Written in plain JavaScript, as `npm start` asks before it loads anything else.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Files on which the output of every package depends. */
const TOOLS = [
  "scripts/bundle-packages.ts",
  "scripts/build/command.ts",
  "scripts/build/hashing-with-node.ts",
  "scripts/build/lazily.ts",
  "scripts/build/sha3.ts",
  "scripts/build/ssh2.ts",
  "scripts/build/strip-comments.ts",
  "pnpm-lock.yaml",
];

/** Package of the `nacre` command. Its JavaScript contains the other packages. */
export const COMMAND = "packages/cli";
/** Package with the API of ssh2, a bundle of the other packages as well. */
export const SSH2 = "packages/ssh2";

/**
 * Returns the folders of the packages that are published, relative to the project's root.
 *
 * @returns {string[]}
 */
export function packageFolders() {
  return readdirSync(`${root}packages`)
    .map((name) => `packages/${name}`)
    .filter((folder) => existsSync(`${root}${folder}/package.json`) && !isPrivate(folder));
}

/** @param {string} folder */
function isPrivate(folder) {
  return JSON.parse(readFileSync(`${root}${folder}/package.json`, "utf8")).private === true;
}

/**
 * Returns a text that changes when a source of the package's JavaScript changes, by names, lengths and times of change.
 *
 * @param {string} folder
 * @returns {string}
 */
export function fingerprint(folder) {
  const hash = createHash("sha256");
  const isBundle = folder === COMMAND || folder === SSH2;
  const contained = isBundle ? packageFolders().filter((other) => other !== COMMAND && other !== SSH2) : [];
  for (const file of [...TOOLS, ...[folder, ...contained].flatMap(filesOf)]) {
    const { size, mtimeMs } = statSync(root + file);
    hash.update(`${file} ${size} ${mtimeMs}\n`);
  }
  return hash.digest("hex");
}

/** @param {string} folder */
function filesOf(folder) {
  const sources = readdirSync(`${root}${folder}/src`, { recursive: true, encoding: "utf8" });
  return [`${folder}/package.json`, ...sources.sort().map((name) => `${folder}/src/${name}`)];
}

/**
 * Returns the file that has the fingerprint of the built sources. It is not published.
 *
 * @param {string} folder
 * @returns {string}
 */
export function fingerprintFile(folder) {
  return `${root}${folder}/dist/.fingerprint`;
}

/**
 * Returns whether the built JavaScript of a package is that of its sources.
 *
 * @param {string} folder
 * @returns {boolean}
 */
export function isBuilt(folder) {
  const file = fingerprintFile(folder);
  return existsSync(file) && readFileSync(file, "utf8") === fingerprint(folder);
}

/**
 * Returns options of Node with which a program in TypeScript imports the packages as they are built, as `npm start` does, or from their
 * sources if these have changed since, which takes a second longer.
 *
 * @returns {string[]}
 */
export function importOptions() {
  return packageFolders().every(isBuilt) ? ["--import", "tsx"] : ["--conditions=@nacre/source", "--import", "tsx"];
}
