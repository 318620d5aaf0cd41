import { BaseSequencer, type TestSpecification } from "vitest/node";

/** A test file that takes minutes. It starts first, so that the run does not end with this file alone. */
const LONGEST = "/packages/cli/test/verify/openssh-scripts.test.ts";

/**
 * Spreads the test files of each project evenly over a run. While a test of `interop` waits for another program, a unit test then uses the
 * CPU.
 */
export class AlternatingSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const byProject = new Map<string, TestSpecification[]>();
    for (const file of await super.sort(files)) {
      const { name } = file.project;
      byProject.set(name, [...(byProject.get(name) ?? []), file]);
    }
    return [...byProject.values()]
      .flatMap((specs) =>
        specs.map((spec, i) => ({ spec, at: spec.moduleId.endsWith(LONGEST) ? 0 : (i + 0.5) / specs.length })),
      )
      .toSorted((a, b) => a.at - b.at)
      .map(({ spec }) => spec);
  }
}
