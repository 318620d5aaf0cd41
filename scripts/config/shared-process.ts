import { existsSync, readdirSync, readFileSync } from "node:fs";
import { allTestsIn } from "../runtimes/tests-in.ts";

/**
 * What other tests in the process would notice, or disturb: mocks of modules, globals and timers, what is done to the process, and counts
 * of what is open in it. What a test replaces until it ends, such as an output or a variable of the environment, disturbs none: files run
 * one after the other.
 */
const NOTICEABLE = new RegExp(
  [
    String.raw`\bvi\.(?:mock|doMock|resetModules|stubGlobal|useFakeTimers)\(|\bvirtualTime\b|\bspyOn\((?:console|globalThis)\b`,
    String.raw`\bprocess\.(?:on|once|emit|chdir|umask\(\w)|\bObject\.assign\(process\b|\bwarnings\(`,
    String.raw`\bwatchResources\b|\bgetActiveResourcesInfo\b`,
  ].join("|"),
);

/**
 * Returns the tests whose files share a process, or a page of a browser, and its modules, as paths relative to the project's root, which
 * ends with a slash. Most packages then take half the time. A hook at the top of a module that several files import runs for the first of
 * them only, so support code for tests registers `onTestFinished` instead.
 */
export function sharingTests(root: string): string[] {
  return ["packages", "examples", "scripts"]
    .filter((parent) => existsSync(`${root}${parent}`))
    .flatMap((parent) => readdirSync(`${root}${parent}`).map((name) => `${parent}/${name}/test`))
    .filter((folder) => existsSync(`${root}${folder}`))
    .flatMap((folder) => allTestsIn(root, folder))
    .filter((file) => !NOTICEABLE.test(readFileSync(`${root}${file}`, "utf8")));
}
