import { readFileSync, statSync } from "node:fs";
import type { UsersGroups } from "@nacre/files/server";

/** Time in milliseconds between two looks at a file. */
const FRESH = 5000;

/** Longest file in bytes that is read. */
const MAX_LENGTH = 16 * 1024 * 1024;

/**
 * Names of the users and groups of this system, from `/etc/passwd` and `/etc/group`. Accounts of a directory service are not in them, so
 * they have no name. The files are read again when they have changed, looked at every five seconds at most.
 */
export class AccountNames {
  readonly #users: AccountFile;
  readonly #groups: AccountFile;

  constructor(passwd = "/etc/passwd", group = "/etc/group") {
    this.#users = new AccountFile(passwd);
    this.#groups = new AccountFile(group);
  }

  /** Returns the name of a user id. */
  user(id: number): string | undefined {
    return this.#users.table.names.get(id);
  }

  /** Returns the name of a group id. */
  group(id: number): string | undefined {
    return this.#groups.table.names.get(id);
  }

  /** Returns the home directory of a user. */
  home(name: string): string | undefined {
    return this.#users.table.homes.get(name);
  }

  /** Returns the names of many ids; "" for an id without a name. */
  names(uids: readonly number[], gids: readonly number[]): UsersGroups {
    return { users: uids.map((id) => this.user(id) ?? ""), groups: gids.map((id) => this.group(id) ?? "") };
  }
}

/** Contents of passwd(5) or group(5). */
interface Table {
  readonly names: ReadonlyMap<number, string>;
  /** Home directories by name; of users only. */
  readonly homes: ReadonlyMap<string, string>;
}

class AccountFile {
  readonly #path: string;
  #table: Table = parseTable("");
  /** Modification time and size of the contents in `#table`. */
  #version = "";
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(path: string) {
    this.#path = path;
  }

  /** The contents; empty if the file does not exist or cannot be read. */
  get table(): Table {
    const now = performance.now();
    if (now - this.#lookedAt < FRESH) return this.#table;
    this.#lookedAt = now;
    try {
      const { mtimeMs, size } = statSync(this.#path);
      const version = `${mtimeMs} ${size}`;
      if (version === this.#version) return this.#table;
      this.#table = parseTable(size > MAX_LENGTH ? "" : readFileSync(this.#path, "utf8"));
      this.#version = version;
    } catch {
      this.#table = parseTable("");
      this.#version = "";
    }
    return this.#table;
  }
}

/** Parses lines of passwd(5) or group(5): the name first, the id third, of users the home sixth. The first line of an id counts. */
function parseTable(text: string): Table {
  const names = new Map<number, string>();
  const homes = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [name, , id, , , home] = line.split(":");
    if (!name || id === undefined || !/^\d+$/.test(id)) continue;
    if (!names.has(Number(id))) names.set(Number(id), name);
    if (home && !homes.has(name)) homes.set(name, home);
  }
  return { names, homes };
}
