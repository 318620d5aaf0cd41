// The pictures of the documents: files, and what the documents say of them.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chartFiles, withAlternatives, withCharts } from "./charts.ts";
import { floorsFile, withFloors } from "./floors.ts";
import { withHandshake } from "./handshake.ts";

/** What the SVG files and the documents should hold, by their paths from the project's root. */
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

/** Writes the pictures, and their places in the documents. */
export async function writePictures(root: string): Promise<void> {
  for (const [file, text] of await pictures(root)) writeFileSync(join(root, file), text);
}
