import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { FileAction, FilesResult, FilesTask } from "../sftp/sftp-tasks.ts";
import { type MeasuredClient, stopwatch } from "./measured-client.ts";

/** SFTP of a measured client library. */
export interface MeasuredFiles {
  get(remote: string, local: string): Promise<void>;
  put(local: string, remote: string): Promise<void>;
  /** Gets all files of a folder into a new one. */
  getAll(remote: string, local: string): Promise<void>;
  /** Puts all files of a folder into a new one. */
  putAll(local: string, remote: string): Promise<void>;
  /** Returns the number of names in a folder, without "." and "..". */
  list(remote: string): Promise<number>;
}

/** Transfers files, and measures the time, the CPU time of this process, and its memory. */
export async function moveFiles(client: MeasuredClient, task: FilesTask): Promise<FilesResult> {
  const connection = await client.open(task.target, task.suite);
  const files = await connection.files?.();
  if (files === undefined) throw new Error("this client has no SFTP");
  if (task.warmUp !== undefined) await perform(files, task.warmUp);
  const idleMiB = process.memoryUsage.rss() / 2 ** 20;
  const lap = stopwatch();
  const names = await perform(files, task.action);
  const time = lap();
  const peakMiB = process.resourceUsage().maxRSS / 1024;
  await connection.close();
  return { ...time, idleMiB, peakMiB, names };
}

/** Performs an action. Resolves with the number of names that `list` returned. */
async function perform(files: MeasuredFiles, { type, remote, local }: FileAction): Promise<number | undefined> {
  if (type === "list") return files.list(remote);
  if (type === "get") await files.get(remote, local);
  else if (type === "put") await files.put(local, remote);
  else if (type === "get-all") await files.getAll(remote, local);
  else await files.putAll(local, remote);
  return undefined;
}

/** Calls of a library that moves single files, for folders. */
export interface SingleFiles extends Pick<MeasuredFiles, "get" | "put"> {
  list(remote: string): Promise<readonly string[]>;
  makeFolder(remote: string): Promise<void>;
}

/** Moves the files of folders with a library that moves single files, `concurrency` of them at a time. */
export function severalAtOnce(single: SingleFiles, concurrency: number): MeasuredFiles {
  const forEach = async (names: readonly string[], move: (name: string) => Promise<void>): Promise<void> => {
    const rest = names.values();
    const workers = Array.from({ length: concurrency }, async () => {
      for (const name of rest) await move(name);
    });
    await Promise.all(workers);
  };
  return {
    get: (remote, local) => single.get(remote, local),
    put: (local, remote) => single.put(local, remote),
    async getAll(remote, local) {
      await mkdir(local);
      await forEach(await single.list(remote), (name) => single.get(`${remote}/${name}`, join(local, name)));
    },
    async putAll(local, remote) {
      await single.makeFolder(remote);
      await forEach(await readdir(local), (name) => single.put(join(local, name), `${remote}/${name}`));
    },
    list: async (remote) => (await single.list(remote)).length,
  };
}
