import { expect, test } from "vitest";
import { listingTime } from "../src/listing-time.ts";

const TIME = { year: 2026, month: 5, day: 3, hours: 4, minutes: 5 };
const HALF_YEAR = 15_768_000;

test.each([
  [0, "Jun  3 04:05"],
  [HALF_YEAR - 1, "Jun  3 04:05"],
  [HALF_YEAR, "Jun  3  2026"],
  [-1, "Jun  3  2026"],
])("listingTime shows a time %d seconds ago as `ls -l` prints it", (age, text) => {
  expect(listingTime(TIME, age)).toBe(text);
});

test("listingTime shows the last day of the year, with two digits everywhere", () => {
  expect(listingTime({ year: 2025, month: 11, day: 31, hours: 23, minutes: 59 }, 60)).toBe("Dec 31 23:59");
});
