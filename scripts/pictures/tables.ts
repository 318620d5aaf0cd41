// Reads the tables of BENCHMARKS.md, which the charts are drawn from.

export interface PageTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Returns all tables of the page that have their own heading. */
export function tablesOf(page: string): PageTable[] {
  return page
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const lines = section.split("\n");
      const [head = [], , ...rows] = lines.filter((line) => line.startsWith("| ")).map(cellsOf);
      return { title: lines[0]!, head, rows };
    });
}

function cellsOf(line: string): string[] {
  return line
    .slice(2, -2)
    .split(" | ")
    .map((cell) => cell.trim());
}
