import type { Dirent, Sftp } from "@nacre/files";

/** Most entries of a folder that the page shows. */
export const MOST_ENTRIES = 1000;

/** An entry of a folder on the host. */
export interface FolderEntry {
  /** Text from the host: escape it before display. */
  readonly name: string;
  /** What it is, or what a symbolic link leads to. */
  readonly type: "file" | "folder" | "other";
  readonly isLink: boolean;
  /** Size in bytes. */
  readonly size: number;
  /** Time of the last change; `undefined` if the host does not state it. */
  readonly changed: Date | undefined;
}

/** A folder on the host. */
export interface Folder {
  /** Absolute path. */
  readonly path: string;
  /** Folders first, by name. */
  readonly entries: readonly FolderEntry[];
  /** Whether the folder has more entries than the page shows. */
  readonly hasMore: boolean;
}

/** Lists a folder. Reads no more entries than the page shows. */
export async function listFolder(sftp: Sftp, path: string, signal: AbortSignal): Promise<Folder> {
  const found: Dirent[] = [];
  let hasMore = false;
  for await (const entry of await sftp.opendir(path, { signal })) {
    hasMore = found.length === MOST_ENTRIES;
    if (hasMore) break;
    found.push(entry);
  }
  const entries = await Promise.all(found.map((entry) => entryOf(sftp, path, entry, signal)));
  return { path, entries: sorted(entries), hasMore };
}

async function entryOf(sftp: Sftp, path: string, entry: Dirent, signal: AbortSignal): Promise<FolderEntry> {
  const { name } = entry;
  const isLink = entry.isSymbolicLink();
  // A link that leads nowhere is shown as itself.
  const stats = isLink ? await sftp.stat(joinPath(path, name), { signal }).catch(() => entry.stats) : entry.stats;
  const type = stats.isDirectory() ? "folder" : stats.isFile() ? "file" : "other";
  return { name, type, isLink, size: stats.size, changed: stats.mtime };
}

const byName = new Intl.Collator("en", { numeric: true }).compare;

/** Returns the entries sorted by name, folders first. */
export function sorted(entries: readonly FolderEntry[]): FolderEntry[] {
  const rank = ({ type }: FolderEntry): number => (type === "folder" ? 0 : 1);
  return entries.toSorted((a, b) => rank(a) - rank(b) || byName(a.name, b.name));
}

/** Returns the path of an entry. */
export function joinPath(folder: string, name: string): string {
  return folder.endsWith("/") ? `${folder}${name}` : `${folder}/${name}`;
}

/** Returns the folders above a path and the path itself, from "/" on, each with its name. */
export function crumbs(path: string): { readonly name: string; readonly path: string }[] {
  const names = path.split("/").filter((name) => name !== "");
  return [{ name: "/", path: "/" }, ...names.map((name, i) => ({ name, path: `/${names.slice(0, i + 1).join("/")}` }))];
}
