import { mkdir, mkdtemp, open, rm, truncate, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { must } from "@nacre/testing/openssh/run";
import { block, payload } from "../bulk/payload.ts";
import { runMeasured } from "../measure/measured-command.ts";
import { runSsh } from "../measure/ssh-command.ts";
import type { Target } from "../tasks.ts";

/** Size of each short file in bytes, unless given. */
export const SHORT_FILE = 4096;

/** A memory file system, here and at the server: a disk's journal would limit every client. */
const MEMORY = "/dev/shm";

/** Sizes of what is transferred. */
export interface FolderSizes {
  /** Size of the long file. */
  readonly bytes: number;
  /** Number of short files. */
  readonly files: number;
  /** Size of each short file; default `SHORT_FILE`. */
  readonly short?: number;
  /** Number of names in a folder that is listed. */
  readonly names: number;
  /** Size of the sparse file. */
  readonly sparse: number;
}

/** What is transferred, by its name in both folders. `warm-…` is for the transfer before a timed one. */
export const SOURCES = {
  long: "long",
  short: "short",
  warmShort: "warm-short",
  list: "list",
  sparse: "sparse",
} as const;

/** Names of a transfer's target in the other folder, and of that of the transfer before it. */
const TARGET = "target";
const WARM_TARGET = "warm-target";

/** Number of short files in the transfer before a timed one. */
const WARM_FILES = 1000;

/** Runs a shell command at the server, with a file as its input, and resolves with its output without the last line end. */
export type Shell = (command: string, inputFile?: string) => Promise<string>;

/** Time limit of such a command in milliseconds. */
const SHELL_TIMEOUT = 120_000;

/** Returns a shell at a server that can be reached with `ssh`. */
export function shellOf(target: Target): Shell {
  return async (command, inputFile) => {
    const { stdout } = await runSsh({ target, command, inputFile, output: "kept", timeoutMs: SHELL_TIMEOUT });
    return stdout.trim();
  };
}

/** A shell on this machine, for a server that runs here. */
export const localShell: Shell = async (command, inputFile = "/dev/null") => {
  const { stdout } = await runMeasured({
    command: ["bash", "-c", command],
    inputFile,
    output: "kept",
    timeoutMs: SHELL_TIMEOUT,
  });
  return stdout.trim();
};

/** Two folders in memory, here and at the server, with the same contents. */
export class SftpFolders {
  readonly local: string;
  readonly remote: string;
  readonly #atServer: Shell;

  private constructor(local: string, atServer: Shell) {
    this.local = local;
    this.remote = `${MEMORY}/${basename(local)}-remote`;
    this.#atServer = atServer;
  }

  /** Makes both folders. */
  static async make(
    atServer: Shell,
    { bytes, files, short = SHORT_FILE, names, sparse }: FolderSizes,
  ): Promise<SftpFolders> {
    const folders = new SftpFolders(await mkdtemp(`${MEMORY}/nacre-bench-`), atServer);
    try {
      const { local, remote } = folders;
      await writePayload(join(local, SOURCES.long), bytes);
      await writeFiles(join(local, SOURCES.short), files, short);
      await writeFiles(join(local, SOURCES.warmShort), WARM_FILES, short);
      await mkdir(join(local, SOURCES.list));
      const archive = join(local, "archive");
      await must(["tar", "-C", local, "--exclude=archive", "-cf", archive, "."], { timeoutMs: 120_000 });
      await folders.#atServer(`mkdir ${remote} && cd ${remote} && tar -xf -`, archive);
      await rm(archive);
      // Sparse, and so not in the archive.
      await writeFile(join(local, SOURCES.sparse), "");
      await truncate(join(local, SOURCES.sparse), sparse);
      await folders.#atServer(`cd ${remote} && truncate -s ${sparse} ${SOURCES.sparse}`);
      await folders.#atServer(`cd ${remote}/${SOURCES.list} && seq -f name-%.0f ${names} | xargs touch`);
      return folders;
    } catch (error) {
      await folders.remove();
      throw error;
    }
  }

  /** Returns the paths of a transfer's target, here or at the server. */
  target(isWarmUp: boolean): { readonly local: string; readonly remote: string } {
    const name = isWarmUp ? WARM_TARGET : TARGET;
    return { local: join(this.local, name), remote: `${this.remote}/${name}` };
  }

  /** Removes what the last transfers made. */
  async clear(): Promise<void> {
    for (const { local, remote } of [this.target(false), this.target(true)]) {
      await rm(local, { recursive: true, force: true });
      await this.#atServer(`rm -rf ${remote}`);
    }
  }

  /** Throws unless the target of a transfer has the same contents as its source. */
  async compare(direction: "get" | "put", source: string): Promise<void> {
    const expected = await localShell(digest(join(this.local, source)));
    const { local, remote } = this.target(false);
    const arrived = direction === "get" ? await localShell(digest(local)) : await this.#atServer(digest(remote));
    if (arrived !== expected) throw new Error(`the copy of "${source}" differs from it`);
  }

  async remove(): Promise<void> {
    await rm(this.local, { recursive: true, force: true });
    await this.#atServer(`rm -rf ${this.remote}`);
  }
}

/** Returns a shell command that prints a digest of a file, or of the names and contents of all files in a folder. */
function digest(path: string): string {
  const files = "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum";
  return `if [ -d ${path} ]; then cd ${path} && ${files}; else sha256sum <${path}; fi | sha256sum`;
}

async function writePayload(path: string, bytes: number): Promise<void> {
  const file = await open(path, "w");
  for (const piece of payload(bytes)) await file.write(piece);
  await file.close();
}

/** Writes short files with different contents. */
async function writeFiles(folder: string, count: number, size: number): Promise<void> {
  await mkdir(folder);
  for (let i = 0; i < count; i++) {
    const start = (i * 97) % (block.length - size);
    await writeFile(join(folder, `file-${i}`), block.subarray(start, start + size));
  }
}
