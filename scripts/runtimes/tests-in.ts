import { readdirSync } from "node:fs";

/** Returns the test files in a folder as paths relative to the project's root. Excludes the subfolders `interop` and `verify`. */
export function testsIn(root: string, folder: string): string[] {
  return readdirSync(`${root}${folder}`, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".test.ts") && !/^(interop|verify)\//.test(name))
    .map((name) => `${folder}/${name}`);
}
