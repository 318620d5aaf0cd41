import { readFileSync } from "node:fs";
import { FLOORS } from "../floors.ts";
import { testsIn } from "../runtimes/tests-in.ts";

/** Packages whose code opens no socket, so that their tests leave none behind. */
const PACKAGES = Object.keys(FLOORS).filter((name) => FLOORS[name]! <= 7);

/** What other tests in the process would notice, or disturb: mocks of modules, globals and timers, and what is done to the process. */
const NOTICEABLE =
  /\bvi\.(?:mock|doMock|stubEnv|stubGlobal|useFakeTimers)\(|\bvirtualTime\b|\bspyOn\((?:process|console)\b|\bprocess\.(?:on|once)\b|\buncaught\(\)/;

/**
 * Returns the unit tests whose files share a process and its modules, as paths relative to the project's root, which ends with a slash. The
 * tests of `nacre` then take half the time.
 */
export function sharingTests(root: string): string[] {
  return PACKAGES.flatMap((name) => testsIn(root, `packages/${name}/test`)).filter(
    (file) => !NOTICEABLE.test(readFileSync(`${root}${file}`, "utf8")),
  );
}
