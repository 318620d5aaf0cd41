import { existsSync, readdirSync, readFileSync } from "node:fs";
import { testsIn } from "../runtimes/tests-in.ts";

/** What a test file contains if it does what others in its process would notice, or notices what others left. */
const NOTICEABLE = new RegExp(
  [
    // Mocks of modules, globals and timers.
    String.raw`\bvi\.(?:mock|doMock|stubEnv|stubGlobal|useFakeTimers)\(|\bvirtualTime\b`,
    // What is still open.
    String.raw`\bwatchResources\b|\bgetActiveResourcesInfo\b`,
    // The process itself.
    String.raw`\bspyOn\((?:process|console)\b|\bprocess\.(?:stdout|stderr|stdin|chdir|umask|on|once)\b`,
    String.raw`\bprocess\.env\b.* = |\bdefineProperty\(process\b`,
  ].join("|"),
);

/** Tests of the command, whose modules keep its settings for the whole process, such as -q. */
const COMMAND = "packages/cli/";

/**
 * Returns the unit tests that need a process of their own, as paths relative to the project's root, which ends with a slash. The files of
 * all others share a process and its modules, which halves the time of `nacre`'s tests.
 */
export function testsAlone(root: string): string[] {
  return ["packages", "examples", "scripts"]
    .filter((parent) => existsSync(`${root}${parent}`))
    .flatMap((parent) => readdirSync(`${root}${parent}`).map((name) => `${parent}/${name}/test`))
    .filter((folder) => existsSync(`${root}${folder}`))
    .flatMap((folder) => testsIn(root, folder))
    .filter((file) => file.startsWith(COMMAND) || NOTICEABLE.test(readFileSync(`${root}${file}`, "utf8")));
}
