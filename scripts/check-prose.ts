// Checks that comments, documents and messages avoid the phrases of scripts/prose/phrases.ts. Fails if it finds too few files.
import { readdirSync, readFileSync } from "node:fs";
import { findPhrases } from "./prose/check.ts";

const DOCUMENTS = /^[A-Z]+\.md$|^(?:packages|examples|scripts)\/[^/]+\/README\.md$/;
const SOURCES = /^(?:packages|examples|scripts)\/.*\.(?:ts|mjs|js)$/;
/** The list of phrases and its tests, which contain the phrases as examples. */
const EXEMPT = /^scripts\/prose\/(?:phrases|test\/.*)\.ts$/;

const files = ["packages", "examples", "scripts"]
  .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`))
  .concat(readdirSync("."))
  .filter((file) => !/(?:^|\/)(?:node_modules|dist|findings)\//.test(file) && !EXEMPT.test(file))
  .filter((file) => DOCUMENTS.test(file) || SOURCES.test(file));

let found = 0;
for (const file of files) {
  for (const { line, text, phrase } of findPhrases(file, readFileSync(file, "utf8"))) {
    found++;
    console.error(`${file}:${line}: "${text}"; better: ${phrase.instead}`);
  }
}
if (files.length < 500) {
  found++;
  console.error(`found only ${files.length} files: this check looks in the wrong place`);
}
console.error(`${files.length} files, ${found} phrases to rewrite`);
process.exitCode = found > 0 ? 1 : 0;
