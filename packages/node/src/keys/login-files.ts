import type { KeyRestrictions } from "@nacre/keyfiles/internal";
import { SshError } from "@nacre/wire";
import { keyDecision, type LoginDecision } from "nacre/extend";
import { showPath } from "../windows/system.ts";
import type { AuthorizedKeysOptions } from "./authorized-keys.ts";
import { expandHome } from "./files.ts";
import { type OwnedFileOptions, readOwned } from "./owned-file.ts";

/** Maximum number of files in the problem log. */
const REMEMBERED_FILES = 1000;

/** Reports each problem of a file once until the file changes, so that unauthenticated clients cannot fill the log. */
export class ProblemLog {
  readonly #warn: (text: string) => void;
  readonly #files = new Map<string, { readonly version: string; readonly told: Set<string> }>();

  constructor(warn: (text: string) => void = () => {}) {
    this.#warn = warn;
  }

  /** Reports `problem`. `version` identifies the file's current content. */
  report(path: string, version: string, problem: string): void {
    let file = this.#files.get(path);
    if (file?.version !== version) {
      // Paths may contain user names, so clients could otherwise add files without limit.
      if (this.#files.size >= REMEMBERED_FILES) this.#files.clear();
      file = { version, told: new Set() };
      this.#files.set(path, file);
    }
    // Once, because clients may query a key as often as they like.
    if (file.told.has(problem)) return;
    file.told.add(problem);
    this.#warn(`${showPath(path)}${problem}`);
  }
}

/** A file that decides about logins. */
export interface LoginFile {
  readonly path: string;
  readonly version: string;
  readonly text: string;
}

/** Reads a file that only its owner and root can write. Resolves with `undefined` if it is missing. Reports a file that it ignores. */
export async function readLoginFile(
  path: string,
  options: OwnedFileOptions,
  problems: ProblemLog,
): Promise<LoginFile | undefined> {
  try {
    const found = await readOwned(expandHome(path, options.home), options);
    if (found === undefined) return undefined;
    const { bytes, version } = found;
    // Runs before login: Node decodes UTF-8 many times faster than the portable code.
    return { path, version, text: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8") };
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    problems.report(path, "", ` is ignored: ${error.message}`);
    return undefined;
  }
}

/** Converts local time of this machine, for `expiry-time=`. */
export function localTime(time: {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}): number {
  return new Date(time.year, time.month - 1, time.day, time.hour, time.minute, time.second).getTime();
}

/** Returns the decision of a line, with the variables that `permitUserEnvironment` permits. */
export function grant(
  restrictions: KeyRestrictions,
  { path, version, line }: { readonly path: string; readonly version: string; readonly line: number | undefined },
  { permitUserEnvironment = false, verifyRequired }: AuthorizedKeysOptions,
  problems: ProblemLog,
): LoginDecision {
  const isPermitted = (name: string): boolean =>
    typeof permitUserEnvironment === "function" ? permitUserEnvironment(name) : permitUserEnvironment;
  const environment = Object.entries(restrictions.environment).filter(([name]) => {
    const permitted = isPermitted(name);
    // rule: permitted-environment
    if (!permitted)
      problems.report(path, version, `:${line} does not set ${name}: \`permitUserEnvironment\` does not permit it`);
    return permitted;
  });
  const { permissions, ...demands } = keyDecision(restrictions, verifyRequired);
  return { permissions: { ...permissions, environment: Object.fromEntries(environment) }, ...demands };
}
