/** The lines of a text as one, with single spaces between them. Takes time in proportion to the text. */
export function oneLine(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join(" ");
}
