import type { ErrorRow } from "../../src/error-table.ts";

const HEAD = "| where | `level` | `code` | message |\n| --- | --- | --- | --- |\n";

/** Returns the table of errors in Markdown, as README has it. A cell without a value has a dash. */
export function tableOf(rows: readonly ErrorRow[]): string {
  return HEAD + rows.map((row) => `| ${cellsOf(row).join(" | ")} |\n`).join("");
}

function cellsOf({ where, level, code, number, messages, differs }: ErrorRow): string[] {
  const texts = messages.map(inMarkdown);
  const here = differs === undefined ? "" : `<br>differs: ${differs}`;
  return [where, inCode(level), number ?? inCode(code), texts.join("<br>") + here];
}

function inCode(value: string | number | undefined): string {
  return value === undefined ? "–" : `\`${value}\``;
}

/** Returns a message as code, and the description of one as it is. */
function inMarkdown(message: string): string {
  if (message.startsWith("the ")) return message;
  return message.includes("`") ? `\`\` ${message} \`\`` : `\`${message}\``;
}
