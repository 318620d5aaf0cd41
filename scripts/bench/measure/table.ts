/** A table for the terminal or for BENCHMARKS.md. */
export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Explanations below the table. */
  readonly notes?: readonly string[];
}

/** Formats a table for the terminal. The first column has names and is left-aligned; the others have numbers. */
export function formatTable({ title, head, rows, notes = [] }: Table): string {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  const separator = widths.map((width) => "─".repeat(width)).join("  ");
  return [title, line(head), separator, ...rows.map(line), ...notes.map((note) => `  ${note}`), ""].join("\n");
}

/** Formats a table in Markdown, under a heading. */
export function formatMarkdown({ title, head, rows, notes = [] }: Table): string {
  const line = (cells: readonly string[]): string =>
    `| ${head.map((_, column) => (cells[column] ?? "").replaceAll("|", "\\|")).join(" | ")} |`;
  const separator = head.map((_, column) => (column === 0 ? "---" : "--:"));
  return [
    `### ${title}`,
    "",
    line(head),
    line(separator),
    ...rows.map(line),
    ...notes.flatMap((note) => ["", note]),
  ].join("\n");
}

/** Returns `median (minimum–maximum)` with a fixed number of digits after the decimal point. */
export function spread(values: readonly number[], digits: number): string {
  if (values.length === 0) return "–";
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
