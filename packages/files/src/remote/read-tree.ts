import type { CallContext } from "./call.ts";
import { readAllEntries } from "./directory.ts";
import { allSettled, Parallel } from "./parallel.ts";
import { join } from "./remote-path.ts";
import type { SftpChannel } from "./sftp-channel.ts";
import type { Dirent } from "./stats.ts";
import { TreeBound } from "./tree-bound.ts";

/** Lists a directory and those below it, each before its entries. Does not follow links. Rejects with the first error. */
export function readTree(channel: SftpChannel, path: string, context: CallContext): Promise<Dirent[]> {
  const parallel = new Parallel();
  const bound = new TreeBound(context);
  const read = async (directory: string, depth: number): Promise<Dirent[]> => {
    const entries = await parallel.run(async () => {
      const listed = await readAllEntries(channel, directory, context);
      bound.hold(depth, directory, listed.length);
      return listed;
    });
    const below = entries.map((entry) =>
      entry.isDirectory() ? read(join(directory, entry.name), depth + 1) : Promise.resolve([]),
    );
    await allSettled(below);
    const lists = await Promise.all(below);
    return entries.flatMap((entry, i) => [entry, ...lists[i]!]);
  };
  return read(path, 0);
}
