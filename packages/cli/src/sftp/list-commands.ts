import type { Stats } from "@nacre/node";
import type { Command, CommandCall } from "./command.ts";
import { inColumns, type ListedEntry, sortEntries } from "./listing.ts";
import { longLine } from "./long-listing.ts";
import { ownerNames } from "./owner-names.ts";
import { joinRemote, type Session, shown } from "./session.ts";
import { formatShort } from "./short-size.ts";
import type { Word } from "./words.ts";

async function list(session: Session, { flags, words }: CommandCall): Promise<void> {
  const [word] = words;
  const entries = await entriesOf(session, word, flags.has("a"));
  const sorted = sortEntries(entries, flags);
  if (flags.has("l") || flags.has("n")) {
    const owners = await ownerNames(session, flags.has("n") ? [] : sorted);
    const now = Date.now();
    for (const { name, stats } of sorted) session.print(longLine(shown(name), stats, owners, flags.has("h"), now));
    return;
  }
  const names = sorted.map(({ name }) => shown(name));
  for (const line of flags.has("1") ? names : inColumns(names, session.output.columns())) session.print(line);
}

/** Resolves with the entries of a directory, or with the files that a word names. */
async function entriesOf(
  session: Session,
  word: Word | undefined,
  hasHidden: boolean,
): Promise<readonly ListedEntry[]> {
  const paths = word === undefined ? [session.directory] : await session.expandRemote(word);
  if (paths.length === 1) {
    const path = paths[0]!;
    const stats = await statsOf(session, path);
    if (stats.isDirectory()) return directoryEntries(session, path, word?.text, hasHidden);
    return [{ name: session.shortPath(path), stats }];
  }
  const listed: ListedEntry[] = [];
  await session.each(paths, async (path) => {
    listed.push({ name: session.shortPath(path), stats: await statsOf(session, path) });
  });
  return listed;
}

/** Resolves with the attributes of a file; of a link itself if it leads nowhere, as with sftp(1). */
async function statsOf({ sftp, signal }: Session, path: string): Promise<Stats> {
  try {
    return await sftp.stat(path, { signal });
  } catch (error) {
    return sftp.lstat(path, { signal }).catch(() => {
      throw error;
    });
  }
}

/** Resolves with the entries of a directory. As with sftp(1), their names begin with the directory if the user named one. */
async function directoryEntries(
  session: Session,
  path: string,
  named: string | undefined,
  hasHidden: boolean,
): Promise<readonly ListedEntry[]> {
  const { sftp, signal } = session;
  const prefix = named === undefined ? "" : joinRemote(session.shortPath(path), "");
  const entries: ListedEntry[] = [];
  for await (const { name, stats } of await sftp.opendir(path, { signal }))
    if (hasHidden || !name.startsWith(".")) entries.push({ name: prefix + name, stats });
  if (hasHidden)
    for (const name of [".", ".."])
      entries.push({ name: prefix + name, stats: await sftp.stat(joinRemote(path, name), { signal }) });
  return entries;
}

async function showSpace(session: Session, { flags, words: [word] }: CommandCall): Promise<void> {
  const { sftp, signal } = session;
  const facts = await sftp.statfs(session.remotePath(word?.text ?? ""), { signal });
  const { frsize, blocks, bfree, bavail, files, ffree } = facts;
  const isInodes = flags.has("i");
  const unit = isInodes ? 1 : frsize;
  const [total, free, available] = isInodes ? [files, ffree, ffree] : [blocks, bfree, bavail];
  const format = (count: number): string => {
    const amount = count * unit;
    if (isInodes) return `${amount}`;
    return flags.has("h") ? formatShort(amount) : `${Math.floor(amount / 1024)}`;
  };
  const capacity = total === 0 ? "ERR" : `${Math.floor((100 * (total - free)) / total)}%`;
  session.print(tableRow([isInodes ? "Inodes" : "Size", "Used", "Avail", "(root)", "%Capacity"]));
  session.print(tableRow([...[total, total - free, available, free].map(format), capacity]));
}

function tableRow(texts: readonly string[]): string {
  return texts.map((text) => text.padStart(12)).join(" ");
}

/** `ls` and `df`. */
export const LIST_COMMANDS: readonly Command[] = [
  {
    names: ["ls", "dir"],
    usage: "[-1afhlnrSt] [path]",
    summary: "List a directory, or the files that match",
    flags: "1afhlnrSt",
    kinds: ["remote"],
    count: [0, 1],
    run: list,
  },
  {
    names: ["df"],
    usage: "[-hi] [path]",
    summary: "Show the size of the file system and what is free",
    flags: "hi",
    kinds: ["remote"],
    count: [0, 1],
    run: showSpace,
  },
];
