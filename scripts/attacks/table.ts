import { AREAS, HELD } from "@nacre/testing/attacks/rows";
import type { Row } from "@nacre/testing/attacks/rows/types";
import type { Result } from "./results.ts";

/** The attack suite as a table: each class of attacks, and how each side that it touches stood it. */
export interface AttackTable {
  /** To be printed; the last one counts. */
  readonly lines: readonly string[];
  /** Whether every test has run and passed. */
  readonly allHeld: boolean;
}

/** `results`: how the tests of the suite ended, by name. */
export function attackTable(results: ReadonlyMap<string, Result>): AttackTable {
  const rows = Object.entries(AREAS).flatMap(([area, of]) => of.map((row) => ({ area, row })));
  const cells = rows.map(({ area, row }) => {
    const { title, missing } = row;
    return [area, title, stands(row, "client", results), stands(row, "server", results), missing ?? ""];
  });
  const all = [["area", "attack", "client", "server", "not there yet"], ...cells];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((line) => line[column]!.length)));
  const lines = all.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );

  const held = (side: 2 | 3): number => cells.filter((line) => line[side] === "held").length;
  const absent = cells
    .flatMap(([, , client, server]) => [client, server])
    .filter((cell) => cell === "not there").length;
  const tests = HELD.map(({ name }) => results.get(name) ?? "missing");
  const passed = tests.filter((result) => result === "passed").length;
  const allHeld = passed === tests.length;
  const patches = HELD.reduce((sum, { patches }) => sum + patches.length, 0);
  lines.push(
    `attacks: ${allHeld ? "all held" : "NOT ALL HELD"}: ${rows.length} rows, ${held(2) + held(3)} sides held ` +
      `(client ${held(2)}, server ${held(3)}), ${absent} not there; ` +
      `${passed} of ${tests.length} tests passed, which ${patches} patches must break`,
  );
  return { lines, allHeld };
}

function stands(row: Row, side: "client" | "server", results: ReadonlyMap<string, Result>): string {
  const standing = row[side];
  if (standing === "not touched") return "–";
  if (standing === "not there yet") return "not there";
  const tests = HELD.filter((held) => held.title === row.title && held.side === side);
  const ended = tests.map(({ name }) => results.get(name) ?? "missing");
  if (ended.includes("failed")) return "FAILED";
  return ended.includes("missing") ? "did not run" : "held";
}
