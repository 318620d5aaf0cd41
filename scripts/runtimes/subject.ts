import { fileURLToPath } from "node:url";
import { ensurePrograms, PROGRAMS } from "@nacre/testing/peers/install";
import { browserTests, NEED_NODE, needlessExclusions } from "./browsers/files.ts";
import { CHROMIUM, installedVersion } from "./browsers/list.ts";
import { type Exclusion, exclusionsOn } from "./exclusions.ts";
import { ensureRuntimes, type Installed } from "./install.ts";
import { RUNTIMES, type RuntimeUnderTest, WINDOWS } from "./list.ts";
import type { Place } from "./run.ts";
import { testsIn } from "./tests-in.ts";
import { UNIX_FILES } from "./windows/exclusions.ts";
import { canRunWindows, ensureWindows } from "./windows/install.ts";
import { windowsPlace } from "./windows/place.ts";
import { WORKERD } from "./workerd/runtime.ts";

/** Installed runtime or browser under test. */
export interface Subject {
  readonly name: string;
  /** Name for output and documents. */
  readonly title: string;
  /** Installed version. The tests must report the same version. */
  readonly version: string;
  /** Whether the tests connect to OpenSSH. */
  readonly needsServer: boolean;
  /** Program and arguments that precede the path of vitest's script. */
  readonly command: readonly string[];
  /** Path of vitest's configuration, relative to the project's root. */
  readonly config: string;
  /** Test files that must run, relative to the project's root. */
  readonly files: readonly string[];
  /** Number of test files that do not run because they need Node, or Unix. */
  readonly excludedFiles: number;
  /** Excluded tests in `files`. */
  readonly exclusions: readonly Exclusion[];
  /** Minimum number of tests that must pass. */
  readonly minTests: number;
  /** Socket API for `nacre`; `undefined` for `node:net`. */
  readonly ownSockets: string | undefined;
  /** Environment variables of vitest. */
  readonly env?: Readonly<Record<string, string>>;
  /** Folder for the temporary folder of a run; default that of the system. */
  readonly folder?: string;
  /** Makes a copy of the project at `root` for a run, in its temporary folder; by default tests run in the project itself. */
  readonly place?: (root: string, folder: string) => Promise<Place>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const NAMES: readonly string[] = [...RUNTIMES, WORKERD, CHROMIUM, WINDOWS].map(({ name }) => name);

/**
 * Installs the named runtimes and browsers, and returns them; with no names, all. Leaves out Windows where Wine cannot run.
 *
 * @throws if a name is unknown, or if one cannot be installed.
 */
export async function installSubjects(only: readonly string[]): Promise<readonly Subject[]> {
  const unknown = only.filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) throw new Error(`unknown runtime ${unknown.join(", ")}; expected one of ${NAMES.join(", ")}`);
  const isChosen = ({ name }: { readonly name: string }): boolean => only.length === 0 || only.includes(name);
  // Includes Chromium.
  await ensurePrograms(PROGRAMS);
  const subjects: Subject[] = [];
  if ([...RUNTIMES, WORKERD].some(isChosen)) {
    const { runtimes, workerd } = await ensureRuntimes();
    subjects.push(...runtimes.filter(isChosen).map(runtimeSubject));
    if (isChosen(workerd)) subjects.push(workerdSubject(workerd));
  }
  if (isChosen(CHROMIUM)) subjects.push(await chromium());
  if (isChosen(WINDOWS) && canRunWindows) subjects.push(await windows());
  return subjects;
}

function runtimeSubject(runtime: Installed<RuntimeUnderTest>): Subject {
  const { name, title, version, path, words, ownSockets, packages } = runtime;
  const units = packages.flatMap((one) => testsIn(root, `packages/${one}/test`));
  return {
    name,
    title,
    version,
    ownSockets,
    needsServer: true,
    command: [path, ...words],
    config: "scripts/runtimes/vitest.config.ts",
    files: [...units, ...testsIn(root, "scripts/runtimes/interop")],
    excludedFiles: 0,
    exclusions: exclusionsOn(name),
    minTests: 1,
  };
}

/** vitest runs in this process's Node. The test starts workerd. */
function workerdSubject({ name, title, version, path, ownSockets }: Installed<typeof WORKERD>): Subject {
  return {
    name,
    title,
    version,
    ownSockets,
    needsServer: true,
    command: [process.execPath],
    config: "scripts/runtimes/workerd/vitest.config.ts",
    files: testsIn(root, "scripts/runtimes/workerd"),
    excludedFiles: 0,
    exclusions: [],
    minTests: 1,
    env: { NACRE_WORKERD: path, NACRE_WORKERD_VERSION: version },
  };
}

/** vitest runs in Node for Windows, in a copy of the project. */
async function windows(): Promise<Subject> {
  const installed = await ensureWindows();
  const { folder, path } = installed;
  const subject = runtimeSubject(installed);
  for (const file of UNIX_FILES)
    if (!subject.files.includes(file))
      throw new Error(`windows/exclusions.ts lists ${file}, which is not a unit test of these packages`);
  return {
    ...subject,
    command: ["wine", path],
    files: subject.files.filter((file) => !UNIX_FILES.includes(file)),
    excludedFiles: UNIX_FILES.length,
    folder,
    place: (root, temporary) => windowsPlace(installed, root, temporary),
  };
}

async function chromium(): Promise<Subject> {
  const { name, title, minTests } = CHROMIUM;
  const needless = await needlessExclusions(root);
  if (needless.length > 0)
    throw new Error(`browsers/files.ts excludes files that import no module of Node: ${needless.join(", ")}`);
  return {
    name,
    title,
    minTests,
    version: await installedVersion(CHROMIUM),
    needsServer: false,
    command: [process.execPath],
    config: "scripts/runtimes/browsers/vitest.config.ts",
    files: [...browserTests(root), "scripts/runtimes/browsers/page.test.ts"],
    excludedFiles: NEED_NODE.flatMap(({ files }) => files).length,
    exclusions: exclusionsOn(name),
    ownSockets: undefined,
  };
}
