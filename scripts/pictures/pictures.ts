// Generates the pictures of the documents, and the parts of the documents that show them.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chartFiles, withAlternatives, withCharts } from "./charts.ts";
import { floorsFile, withFloors } from "./floors.ts";
import { withHandshake } from "./handshake.ts";

/** Returns the expected content of the SVG files and the documents, by path relative to the project's root. */
export async function pictures(root: string): Promise<Map<string, string>> {
  const read = (file: string): string => readFileSync(join(root, file), "utf8");
  const page = read("BENCHMARKS.md");
  return new Map([
    ...chartFiles(page),
    ...floorsFile(root),
    ["BENCHMARKS.md", withCharts(page)],
    ["README.md", withAlternatives(read("README.md"), page)],
    ["ARCHITECTURE.md", await withHandshake(withFloors(read("ARCHITECTURE.md")))],
  ]);
}

/** Writes the pictures, and updates the documents that show them. */
export async function writePictures(root: string): Promise<void> {
  for (const [file, text] of await pictures(root)) writeFileSync(join(root, file), text);
}
