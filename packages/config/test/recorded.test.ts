import { type Recorded, repeatCase } from "@nacre/testing/ssh-config/recorded";
import { expect, it } from "vitest";
import file from "../../../test-vectors/ssh-config/recorded.json" with { type: "json" };

const recorded = file as unknown as Recorded;

it("prints what ssh -G prints for 300 generated configurations", () => {
  const different: unknown[] = [];
  for (const [number, theirs] of recorded.cases.entries()) {
    const ours = repeatCase(recorded, number);
    // A log level may hide the message.
    const same = theirs === "" ? typeof ours === "string" : JSON.stringify(ours) === JSON.stringify(theirs);
    if (!same) different.push({ number, ours, theirs });
  }
  expect(different).toEqual([]);
  expect(recorded.cases.filter((one) => typeof one !== "string").length).toBeGreaterThan(200);
});
