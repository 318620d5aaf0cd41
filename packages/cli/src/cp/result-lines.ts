import type { TransferResult } from "@nacre/node";
import { escapeText } from "@nacre/wire";

/**
 * Returns a line for each reason why the parts of resumed files could not be compared. It names one of the files: a server without digests
 * has them all.
 */
export function unverifiedLines(from: string, unverified: TransferResult["unverified"]): string[] {
  const byReason = new Map<string, { readonly path: string; count: number }>();
  for (const { path, reason } of unverified) {
    const known = byReason.get(reason);
    if (known === undefined) byReason.set(reason, { path: path === "" ? from : `${from}/${path}`, count: 1 });
    else known.count++;
  }
  return Array.from(byReason, ([reason, { path, count }]) => {
    const files = `"${escapeText(path)}"${count > 1 ? ` and ${count - 1} more files were` : " was"}`;
    return `nacre: ${files} resumed without comparing what was there: ${reason}`;
  });
}
