import { isAlike, type Recorded, recordedCases, repeatCase } from "@nacre/testing/ssh-config/recorded";
import { expect, it } from "vitest";
import file from "../../../test-vectors/ssh-config/recorded.json" with { type: "json" };

const recorded = file as unknown as Recorded;
const cases = recordedCases(recorded);

function different(from: number, to?: number): unknown[] {
  return cases.slice(from, to).flatMap((one) => {
    const ours = repeatCase(recorded, one);
    return isAlike(ours, one.theirs) ? [] : [{ name: one.name, ours, theirs: one.theirs }];
  });
}

it("prints what ssh -G prints for 300 generated configurations", () => {
  expect(different(0, 300)).toEqual([]);
  expect(recorded.cases.filter((one) => typeof one !== "string").length).toBeGreaterThan(200);
});

it("prints what ssh -G prints for configurations with one rule each", () => {
  expect(different(300)).toEqual([]);
  expect(cases.length).toBeGreaterThan(400);
});
