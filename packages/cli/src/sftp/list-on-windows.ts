import type { LocalStats } from "@nacre/files";
import { showPath } from "@nacre/node/extend";
import { SshError } from "@nacre/wire";
import { inColumns } from "./listing.ts";
import { timeText } from "./long-listing.ts";
import type { Session } from "./session.ts";
import type { Word } from "./words.ts";

/** A file of this machine, and the name that is shown. */
interface Listed {
  readonly name: string;
  readonly stats: LocalStats;
}

/**
 * Lists files of this machine as `ls` does elsewhere: in columns; with `-1` one on each line, with `-l` also its size and time, and with
 * `-a` those whose name begins with a dot, too. Rejects with `usage` for another option, and with `file-unreadable`.
 */
export async function listOnWindows(session: Session, words: readonly Word[]): Promise<void> {
  const flags = new Set<string>();
  const named: string[] = [];
  for (const word of words) {
    if (/^-./.test(word.text)) for (const flag of word.text.slice(1)) flags.add(flag);
    else named.push(...(await session.expandLocal(word)));
  }
  for (const flag of flags)
    if (!"1al".includes(flag))
      throw new SshError("usage", `lls has no option -${flag}; on Windows it has -1, -a and -l`);
  const listed = await filesAt(session, named.length === 0 ? [session.localDirectory] : named, flags.has("a"));
  listed.sort((a, b) => (a.name < b.name ? -1 : 1));
  const names = listed.map(({ name }) => showPath(name));
  if (flags.has("l")) {
    const now = Date.now();
    for (const { name, stats } of listed) session.print(longLine(showPath(name), stats, now));
  } else for (const line of flags.has("1") ? names : inColumns(names, session.output.columns())) session.print(line);
}

/** Resolves with the entries of the directories, and the other files. The names of several paths are shown with their directory. */
async function filesAt({ files }: Session, paths: readonly string[], hasHidden: boolean): Promise<Listed[]> {
  const listed: Listed[] = [];
  for (const path of paths) {
    const stats = await files.stat(path);
    if (stats.type !== "directory") {
      listed.push({ name: path, stats });
      continue;
    }
    for await (const { name, ...entry } of files.list(path))
      if (hasHidden || !name.startsWith("."))
        listed.push({ name: paths.length === 1 ? name : files.join(path, name), stats: entry });
  }
  return listed;
}

/** Windows has neither modes nor owners to show. */
function longLine(name: string, { type, size, mtimeMs }: LocalStats, now: number): string {
  const amount = type === "directory" ? "<dir>" : `${size}`;
  const time = mtimeMs === undefined ? " ".repeat(12) : timeText(new Date(mtimeMs), now);
  return `${amount.padStart(12)} ${time} ${name}`;
}
