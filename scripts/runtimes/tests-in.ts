import { readdirSync } from "node:fs";

/** Returns the test files in a folder as paths relative to the project's root. Excludes the subfolders `interop` and `verify`. */
export function testsIn(root: string, folder: string): string[] {
  return allTestsIn(root, folder).filter((file) => !/^(interop|verify)\//.test(file.slice(folder.length + 1)));
}

/** Returns the test files in a folder and all its subfolders as paths relative to the project's root. */
export function allTestsIn(root: string, folder: string): string[] {
  return readdirSync(`${root}${folder}`, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => `${folder}/${name}`);
}
