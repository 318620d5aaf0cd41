// Prints the attack suite as a table: each class of attacks, and how it stands on each side that it touches.

import type { Standing } from "../../packages/session/test/attacks/rows/types.ts";
import { AREAS, HELD } from "../../packages/session/test/attacks/rows.ts";

const SYMBOL = { held: "held", "not touched": "–", "not there yet": "not there yet" } as const;
const shown = (standing: Standing): string => (typeof standing === "string" ? SYMBOL[standing] : SYMBOL.held);

const lines = Object.entries(AREAS).flatMap(([area, rows]) =>
  rows.map(({ title, missing, client, server }) => [
    area,
    missing === undefined ? title : `${title} (not there yet: ${missing})`,
    shown(client),
    shown(server),
  ]),
);
const all = [["area", "attack", "client", "server"], ...lines];
const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((line) => line[column]!.length)));
for (const line of all)
  console.log(
    line
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );

const rows = Object.values(AREAS).flat();
const count = (standing: Standing): number =>
  rows.flatMap(({ client, server }) => [client, server]).filter((one) => one === standing).length;
const sides = (side: string): number => HELD.filter((row) => row.side === side).length;
const patches = HELD.reduce((sum, row) => sum + row.patches.length, 0);
console.log(
  `\n${rows.length} rows. ${HELD.length} sides held (client ${sides("client")}, server ${sides("server")}), ` +
    `${count("not there yet")} not there yet, ${count("not touched")} not touched; ${patches} ways to break them.`,
);
if (lines.length === 0) throw new Error("the table is empty");
