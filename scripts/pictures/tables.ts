// Reads the tables of BENCHMARKS.md, so that its charts show its numbers.

export interface PageTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** All tables of the page that stand under a heading of their own. */
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
