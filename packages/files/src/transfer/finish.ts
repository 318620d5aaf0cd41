import { exactAttributes } from "../local/attributes.ts";
import { forEach } from "./for-each.ts";
import type { HeldDirectories } from "./held-directories.ts";
import type { TransferRun } from "./run.ts";
import type { SourceTree, TargetTree } from "./trees.ts";
import type { Directory, Link } from "./walk.ts";

/** Makes links when all files are written, so that no file is written through one of them. Resolves with their number. */
export async function makeLinks(
  source: SourceTree,
  target: TargetTree,
  held: HeldDirectories,
  run: TransferRun,
  links: readonly Link[],
): Promise<number> {
  let made = 0;
  await forEach(links, ({ path, from, to }) =>
    run.attempt(path, async () => {
      const leadsTo = await source.readlink(from, run.context(from));
      await held.at(to, (place) => target.symlink(leadsTo, place, run.context(to.path)));
      made++;
    }),
  );
  return made;
}

/** Sets the attributes of directories, the deepest first: a directory may become unreadable, and a new entry changes its time. */
export async function setDirectoryAttributes(
  target: TargetTree,
  held: HeldDirectories,
  run: TransferRun,
  directories: readonly Directory[],
): Promise<void> {
  const byDepth: Directory[][] = [];
  for (const directory of directories) (byDepth[directory.depth] ??= []).push(directory);
  for (const level of byDepth.toReversed())
    await forEach(level, ({ path, to, stats }) =>
      run.attempt(path, () =>
        held.at(to, (place) => target.setAttributes(place, exactAttributes(stats), run.context(to.path))),
      ),
    );
}
