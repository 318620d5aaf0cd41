// Checks that comments, documents and messages avoid the phrases of scripts/prose/phrases.ts, that comments have at most 140 columns, and
// that the files named in ARCHITECTURE.md and CONTRIBUTING.md exist. Fails if it finds too few files.
import { readdirSync, readFileSync } from "node:fs";
import { findPhrases, longCommentLines } from "./prose/check.ts";

const DOCUMENTS = /^[A-Z]+\.md$|^(?:packages|examples|scripts)\/[^/]+\/README\.md$/;
const SOURCES = /^(?:packages|examples|scripts)\/.*\.(?:ts|mjs|js)$/;
/** The list of phrases and its tests, which contain the phrases as examples, and a list of titles of tests. */
const EXEMPT = /^scripts\/(?:prose\/(?:phrases|test\/.*)|runtimes\/windows\/exclusions)\.ts$/;

const present = ["packages", "examples", "scripts"]
  .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`))
  .concat(readdirSync("."))
  .filter((file) => !/(?:^|\/)(?:node_modules|dist|findings)\//.test(file));
const files = present.filter((file) => !EXEMPT.test(file) && (DOCUMENTS.test(file) || SOURCES.test(file)));

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
for (const document of ["ARCHITECTURE.md", "CONTRIBUTING.md"]) {
  // The end of a path is enough: the text around it says in which package it is.
  const named = [...readFileSync(document, "utf8").matchAll(/`([^`\s*]+\.m?ts)`/g)].map(([, name]) => name!);
  for (const name of named) {
    // `NAME` stands for any name.
    if (name.includes("NAME") || present.some((file) => `/${file}`.endsWith(`/${name}`))) continue;
    found++;
    console.error(`${document} names ${name}, which does not exist`);
  }
  if (named.length < 10) {
    found++;
    console.error(`${document} names only ${named.length} files: this check looks in the wrong place`);
  }
}
if (files.length < 500) {
  found++;
  console.error(`found only ${files.length} files: this check looks in the wrong place`);
}
console.error(`${files.length} files, ${found} lines to rewrite`);
process.exitCode = found > 0 ? 1 : 0;
