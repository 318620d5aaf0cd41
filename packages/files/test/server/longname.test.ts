import { describe, expect, it } from "vitest";
import { longname } from "../../src/serve/longname.ts";

const NOW = Date.UTC(2026, 5, 15, 12) / 1000;
const DAY = 24 * 60 * 60;

function line(permissions: number, mtime = NOW - DAY, size = 5n): string {
  const attributes = { permissions, size, owner: { uid: 1000, gid: 100 }, times: { atime: 0, mtime } };
  return longname({ name: "name with spaces", attributes, links: 2 }, NOW);
}

describe("the line of a listing", () => {
  it("has the columns of OpenSSH's server", () => {
    expect(line(0o100644)).toBe("-rw-r--r--   2 1000     100             5 Jun 14 12:00 name with spaces");
    expect(line(0o100644, NOW, 12_345_678_901n)).toBe(
      "-rw-r--r--   2 1000     100      12345678901 Jun 15 12:00 name with spaces",
    );
  });

  it("shows the year of times older than half a year, and of those to come", () => {
    expect(line(0o100644, NOW - 182 * DAY)).toContain("Dec 15 12:00 ");
    expect(line(0o100644, NOW - 183 * DAY)).toContain("Dec 14  2025 ");
    expect(line(0o100644, NOW + 1)).toContain("Jun 15  2026 ");
    expect(line(0o100644, Date.UTC(2026, 4, 3, 4, 5) / 1000)).toContain("May  3 04:05 ");
  });

  it("shows names of owners, and what is unknown", () => {
    expect(longname({ name: "n", attributes: {}, user: "alice", group: "staff" }, NOW)).toBe(
      "?---------   ? alice    staff           0              n",
    );
    expect(longname({ name: "n", attributes: {} }, NOW)).toBe(
      "?---------   ? ?        ?               0              n",
    );
  });
});
