// Checks that comments, documents and messages avoid the phrases of scripts/prose/phrases.ts, that comments have at most 140 columns, and
// that the files named in CONTRIBUTING.md exist. Fails if it finds too few files.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { findPhrases, longCommentLines } from "./prose/check.ts";

const DOCUMENTS = /^[A-Z]+\.md$|^(?:packages|examples|scripts)\/[^/]+\/README\.md$/;
const SOURCES = /^(?:packages|examples|scripts)\/.*\.(?:ts|mjs|js)$/;
/** The list of phrases and its tests, which contain the phrases as examples, and a list of titles of tests. */
const EXEMPT = /^scripts\/(?:prose\/(?:phrases|test\/.*)|runtimes\/windows\/exclusions)\.ts$/;

const files = ["packages", "examples", "scripts"]
  .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`))
  .concat(readdirSync("."))
  .filter((file) => !/(?:^|\/)(?:node_modules|dist|findings)\//.test(file) && !EXEMPT.test(file))
  .filter((file) => DOCUMENTS.test(file) || SOURCES.test(file));

let found = 0;
for (const file of files) {
  const content = readFileSync(file, "utf8");
  for (const { line, text, phrase } of findPhrases(file, content)) {
    found++;
    console.error(`${file}:${line}: "${text}"; better: ${phrase.instead}`);
  }
  if (!SOURCES.test(file)) continue;
  for (const line of longCommentLines(content)) {
    found++;
    console.error(`${file}:${line}: a line of comment has more than 140 columns`);
  }
}
const named = [
  ...readFileSync("CONTRIBUTING.md", "utf8").matchAll(/`((?:packages|scripts|examples)\/[^`\s*]+\.\w+)`/g),
];
for (const [, file] of named) {
  // `NAME` stands for any name.
  if (file!.includes("NAME") || existsSync(file!)) continue;
  found++;
  console.error(`CONTRIBUTING.md names ${file}, which does not exist`);
}
if (named.length < 10) {
  found++;
  console.error(`CONTRIBUTING.md names only ${named.length} files: this check looks in the wrong place`);
}
if (files.length < 500) {
  found++;
  console.error(`found only ${files.length} files: this check looks in the wrong place`);
}
console.error(`${files.length} files, ${found} lines to rewrite`);
process.exitCode = found > 0 ? 1 : 0;
