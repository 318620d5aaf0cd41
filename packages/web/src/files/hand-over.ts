/** Time in milliseconds after which the browser has opened a link that was clicked. */
const OPENED = 60_000;

/** Saves a blob among the user's downloads, as a click on a link with `download` does. */
export function handOver(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), OPENED);
}
