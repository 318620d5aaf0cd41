import type { CallContext } from "./call.ts";
import { readAllEntries } from "./directory.ts";
import { allSettled, Parallel } from "./parallel.ts";
import { join } from "./remote-path.ts";
import type { SftpChannel } from "./sftp-channel.ts";
import type { Dirent } from "./stats.ts";

/** Lists a directory and those below it, each before its entries. Does not follow links. Rejects with the first error. */
export async function readTree(
  channel: SftpChannel,
  path: string,
  context: CallContext,
  parallel: Parallel = new Parallel(),
): Promise<Dirent[]> {
  const entries = await parallel.run(() => readAllEntries(channel, path, context));
  const below = entries.map((entry) =>
    entry.isDirectory() ? readTree(channel, join(path, entry.name), context, parallel) : Promise.resolve([]),
  );
  await allSettled(below);
  const lists = await Promise.all(below);
  return entries.flatMap((entry, i) => [entry, ...lists[i]!]);
}
