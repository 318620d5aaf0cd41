import type { ListedEntry } from "./listing.ts";
import type { OwnerNames } from "./long-listing.ts";
import { type Session, shown } from "./session.ts";

/** Maximum number of ids in one request. The reply, with up to 32 bytes per name, must fit into a packet of 256 KiB. */
const MOST_IDS = 1000;

/** Resolves with the names of the owners, escaped, if the server supports the request. `ls` shows the id of an owner without a name. */
export async function ownerNames({ sftp, signal }: Session, entries: readonly ListedEntry[]): Promise<OwnerNames> {
  const users = new Map<number, string>();
  const groups = new Map<number, string>();
  if (!sftp.extensions.has("users-groups-by-id@openssh.com")) return { users, groups };
  const uids = idsOf(entries.map(({ stats }) => stats.uid));
  const gids = idsOf(entries.map(({ stats }) => stats.gid));
  for (let at = 0; at < Math.max(uids.length, gids.length); at += MOST_IDS) {
    const [someUids, someGids] = [uids.slice(at, at + MOST_IDS), gids.slice(at, at + MOST_IDS)];
    const names = await sftp.usersGroups(someUids, someGids, { signal });
    addNames(users, someUids, names.users);
    addNames(groups, someGids, names.groups);
  }
  return { users, groups };
}

function idsOf(ids: readonly (number | undefined)[]): number[] {
  return [...new Set(ids.filter((id) => id !== undefined))];
}

function addNames(to: Map<number, string>, ids: readonly number[], names: readonly string[]): void {
  for (const [index, id] of ids.entries()) if (names[index]) to.set(id, shown(names[index]));
}
