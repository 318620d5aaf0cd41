import type { TransferResult } from "@nacre/node";
import { escapeText } from "@nacre/wire";

/**
 * Returns a line for each reason why partial files were resumed without a comparison. It names one of the files, because on a server
 * without digests all of them have the same reason.
 */
export function unverifiedLines(
  from: string,
  unverified: TransferResult["unverified"],
  show: (path: string) => string = escapeText,
): string[] {
  return linesByReason(
    from,
    show,
    unverified,
    (files, isOne, reason) => `${files} ${isOne ? "was" : "were"} resumed without comparing what was there: ${reason}`,
  );
}

/** Returns a line for each kind of attributes that the server did not set. It names one of the files. */
export function unsetLines(
  from: string,
  unset: TransferResult["unset"],
  show: (path: string) => string = escapeText,
): string[] {
  const entries = unset.map(({ path, attributes, error: { code } }) => {
    const names = attributes.map((name) => (name === "mode" ? "permission bits" : name)).join(" and ");
    return { path, reason: `${names}: the server refuses to set them (${code})` };
  });
  return linesByReason(
    from,
    show,
    entries,
    (files, isOne, reason) => `${files} ${isOne ? "was copied without its" : "were copied without their"} ${reason}`,
  );
}

function linesByReason(
  from: string,
  show: (path: string) => string,
  entries: readonly { readonly path: string; readonly reason: string }[],
  line: (files: string, isOne: boolean, reason: string) => string,
): string[] {
  const byReason = new Map<string, { readonly path: string; count: number }>();
  for (const { path, reason } of entries) {
    const known = byReason.get(reason);
    if (known === undefined) byReason.set(reason, { path: path === "" ? from : `${from}/${path}`, count: 1 });
    else known.count++;
  }
  return Array.from(byReason, ([reason, { path, count }]) => {
    const files = `"${show(path)}"${count > 1 ? ` and ${count - 1} more files` : ""}`;
    return `nacre: ${line(files, count === 1, reason)}`;
  });
}
