/** Joins the non-empty lines of a text with single spaces. Runs in linear time. */
export function oneLine(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join(" ");
}
