import { BaseSequencer, type TestProject, type TestSpecification } from "vitest/node";

/** Small test files that take long. They start first in their project, so that the run does not end with one of them alone. */
const LONG = [
  "packages/cli/test/verify/openssh-scripts.test.ts",
  "packages/ssh2/test/parity/parity.test.ts",
  "scripts/fuzz/test/targets.sampled.test.ts",
  "packages/ciphers/test/attacks.test.ts",
  "packages/ciphers-wasm/test/cases.test.ts",
];

/**
 * Files with a process of their own come first, those of each project spread evenly: while a test waits for another program, one of another
 * project uses the CPU. Then one project after the other, because vitest keeps a shared process only if the next file shares it too.
 */
export class TestOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const byProject = new Map<string, TestSpecification[]>();
    for (const file of await super.sort(files)) {
      const { name } = file.project;
      byProject.set(name, [...(byProject.get(name) ?? []), file]);
    }
    const placed = [...byProject.values()].flatMap((specs) =>
      specs.map((spec, i) => ({ spec, at: isLong(spec) ? 0 : (i + 0.5) / specs.length })),
    );
    return placed
      .toSorted((a, b) => compareProjects(a.spec.project, b.spec.project) || a.at - b.at)
      .map(({ spec }) => spec);
  }
}

function isLong({ moduleId }: TestSpecification): boolean {
  return LONG.some((file) => moduleId.endsWith(`/${file}`));
}

function compareProjects(a: TestProject, b: TestProject): number {
  if (a.config.isolate || b.config.isolate) return Number(b.config.isolate) - Number(a.config.isolate);
  return a.name.localeCompare(b.name);
}
