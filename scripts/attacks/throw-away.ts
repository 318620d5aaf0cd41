import { spawn } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readTests } from "../run-vitest.ts";
import { copySources } from "../source-copy.ts";
import { patternOf, type Result, resultsOf } from "./results.ts";

/**
 * Time limit of a run of one or two test files, in milliseconds: longer than that of each test. A run that is killed reports its tests as
 * missing, not as failed.
 */
const PATIENCE = 200_000;
/** Time limit of a run of more test files, in milliseconds: enough for all of them with one worker on a busy machine. */
const PATIENCE_FOR_ALL = 1_200_000;

/** A temporary copy of the repository with sources that can be changed. The installed dependencies are shared with the original. */
export class ThrowAway {
  readonly folder: string;
  #kill: (() => void) | undefined;

  constructor() {
    this.folder = copySources("can-fail");
  }

  /** Writes the changed sources (text by file), runs the named tests of these files, and restores the sources. */
  async run(
    files: readonly string[],
    names: readonly string[],
    changed: ReadonlyMap<string, string> = new Map(),
  ): Promise<Map<string, Result>> {
    const originals = new Map([...changed.keys()].map((file) => [file, readFileSync(this.#pathOf(file), "utf8")]));
    for (const [file, source] of changed) writeFileSync(this.#pathOf(file), source);
    try {
      return await this.#test(files, names);
    } finally {
      for (const [file, source] of originals) writeFileSync(this.#pathOf(file), source);
    }
  }

  remove(): void {
    this.#kill?.();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #test(files: readonly string[], names: readonly string[]): Promise<Map<string, Result>> {
    const output = join(this.folder, "results.json");
    rmSync(output, { force: true });
    const args = ["node_modules/vitest/vitest.mjs", "run", "-c", "scripts/config/vitest.config.ts", "--project=unit*"];
    const child = spawn(
      process.execPath,
      [...args, "--reporter=json", `--outputFile=${output}`, "--maxWorkers=1", "-t", patternOf(names), ...files],
      { cwd: this.folder, stdio: "ignore" },
    );
    this.#kill = () => child.kill("SIGKILL");
    const timer = setTimeout(this.#kill, files.length > 2 ? PATIENCE_FOR_ALL : PATIENCE);
    await new Promise((resolve) => child.on("close", resolve));
    clearTimeout(timer);
    this.#kill = undefined;
    return resultsOf(readTests(output), names);
  }

  #pathOf(file: string): string {
    return join(this.folder, file);
  }
}
