import { AREAS, HELD } from "@nacre/testing/attacks/rows";
import type { Row } from "@nacre/testing/attacks/rows/types";
import type { Result } from "./results.ts";

/** Results of the attack suite as a table: one line for each class of attacks, with a column for each side. */
export interface AttackTable {
  /** The lines to print. The last one is a summary with counts. */
  readonly lines: readonly string[];
  /** Whether every test ran and passed. */
  readonly allHeld: boolean;
}

/** Formats the results of the suite. `results`: test results by test name. */
export function attackTable(results: ReadonlyMap<string, Result>): AttackTable {
  const rows = Object.entries(AREAS).flatMap(([area, of]) => of.map((row) => ({ area, row })));
  const cells = rows.map(({ area, row }) => {
    const { title, missing } = row;
    return [area, title, stands(row, "client", results), stands(row, "server", results), missing ?? ""];
  });
  const all = [["area", "attack", "client", "server", "not implemented yet"], ...cells];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((line) => line[column]!.length)));
  const lines = all.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );

  const held = (side: 2 | 3): number => cells.filter((line) => line[side] === "passed").length;
  const absent = cells
    .flatMap(([, , client, server]) => [client, server])
    .filter((cell) => cell === "not implemented").length;
  const tests = HELD.map(({ name }) => results.get(name) ?? "missing");
  const passed = tests.filter((result) => result === "passed").length;
  const allHeld = passed === tests.length;
  const patches = HELD.reduce((sum, { patches }) => sum + patches.length, 0);
  lines.push(
    `attacks: ${allHeld ? "all tests passed" : "NOT ALL TESTS PASSED"}: ${rows.length} attacks, passed on ${held(2) + held(3)} sides ` +
      `(client ${held(2)}, server ${held(3)}), not implemented on ${absent}; ` +
      `${passed} of ${tests.length} tests passed; each of ${patches} patches must make its test fail (--can-fail)`,
  );
  return { lines, allHeld };
}

function stands(row: Row, side: "client" | "server", results: ReadonlyMap<string, Result>): string {
  const standing = row[side];
  if (standing === "not touched") return "–";
  if (standing === "not there yet") return "not implemented";
  const tests = HELD.filter((held) => held.title === row.title && held.side === side);
  const ended = tests.map(({ name }) => results.get(name) ?? "missing");
  if (ended.includes("failed")) return "FAILED";
  return ended.includes("missing") ? "did not run" : "passed";
}
