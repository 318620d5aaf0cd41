import { BaseSequencer, type TestSpecification } from "vitest/node";

/** A test file that takes minutes. It starts first, so that the run does not end with this file alone. */
const LONGEST = "/packages/cli/test/verify/openssh-scripts.test.ts";

/**
 * Spreads the test files of each project evenly over a run: while a test of `interop` waits for another program, a unit test uses the CPU.
 * Files that share a process come last, one project after the other, because vitest keeps a process only if the next file shares it too.
 */
export class TestOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const byProject = new Map<string, TestSpecification[]>();
    for (const file of await super.sort(files)) {
      const { name } = file.project;
      byProject.set(name, [...(byProject.get(name) ?? []), file]);
    }
    return [...byProject.values()]
      .flatMap((specs) => specs.map((spec, i) => ({ spec, at: placeOf(spec, (i + 0.5) / specs.length) })))
      .toSorted((a, b) => a.at - b.at || a.spec.project.name.localeCompare(b.spec.project.name))
      .map(({ spec }) => spec);
  }
}

/** Returns where a file is in the order. `evenly` is its place from 0 to 1 in its project. */
function placeOf({ moduleId, project }: TestSpecification, evenly: number): number {
  if (moduleId.endsWith(LONGEST)) return 0;
  return project.config.isolate ? evenly : 1;
}
