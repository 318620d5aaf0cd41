import { type Bench, type Contender, nacre, type Sample, ssh2NoDelay, transferTimeout } from "../bench.ts";
import { once } from "../children.ts";
import type { Suite, Target } from "../tasks.ts";
import { runSftpCommand, type SftpCommand } from "./sftp-commands.ts";
import { type SftpFolders, SOURCES } from "./sftp-folders.ts";
import type { FileAction, FilesResult } from "./sftp-tasks.ts";

/** A client of the case `sftp`. */
export interface SftpContender extends Contender {
  /** The command to run, if it is no program of a child process. */
  readonly command?: SftpCommand;
}

/** OpenSSH's command. */
export const sftp: SftpContender = { name: "sftp", program: undefined, otherLibrary: false, command: "sftp" };
const ssh2: SftpContender = { ...ssh2NoDelay, name: "ssh2, no-delay" };
const lftp: SftpContender = { name: "lftp", program: undefined, otherLibrary: false, command: "lftp" };

/** Nacre's command, next to the library. */
const nacreCp: SftpContender = { name: "nacre cp", program: undefined, otherLibrary: false, command: "nacre cp" };

/** A program that makes folders equal. Measures only servers. */
export const rclone: SftpContender = { name: "rclone", program: undefined, otherLibrary: false, command: "rclone" };

/** Clients of all tables. The ratios of the tables are to the second and the third. */
export const sftpContenders: readonly SftpContender[] = [nacre, sftp, ssh2, lftp];

/** Clients that move one long file. */
export const longFileContenders: readonly SftpContender[] = [nacre, nacreCp, sftp, ssh2, lftp];

/** What is measured: one action of each client, in rounds. */
export interface Measure {
  readonly bench: Bench;
  readonly folders: SftpFolders;
  readonly target: Target;
  /** Path of the network namespace of the clients; `undefined` for this process's. */
  readonly namespace: string | undefined;
  readonly suite: Suite;
  readonly type: FileAction["type"];
  /** Name of what is transferred in both folders. */
  readonly source: string;
  /** Name of what is transferred first and not timed. */
  readonly warmUp: string | undefined;
  /** Size of the transfer in bytes, for its time limit. */
  readonly bytes: number;
  readonly contenders: readonly SftpContender[];
  readonly rounds: number;
  /** Name for progress and samples. */
  readonly what: string;
}

/** Results of each client, one for each round. */
export type FilesResults = ReadonlyMap<SftpContender, readonly FilesResult[]>;

/** Measures an action. The clients alternate. The contents of each client's first copy are compared. */
export async function measure(options: Measure, samples: Sample[]): Promise<FilesResults> {
  const { bench, folders, contenders, rounds, what, type, source, suite } = options;
  const results = new Map(contenders.map((contender) => [contender, [] as FilesResult[]]));
  for (let round = 1; round <= rounds; round++) {
    for (const contender of contenders) {
      bench.progress(`sftp: ${what}, ${contender.name}: round ${round} of ${rounds}`);
      const result = await act(options, contender);
      if (round === 1 && type !== "list") await folders.compare(type.startsWith("get") ? "get" : "put", source);
      results.get(contender)?.push(result);
      samples.push({ what, suite: suite.name, client: contender.name, ...result });
      await folders.clear();
    }
  }
  return results;
}

function act(
  { folders, target, namespace, suite, type, source, warmUp, bytes }: Measure,
  { command, program }: SftpContender,
): Promise<FilesResult> {
  const isGet = type.startsWith("get");
  const action = (name: string, isWarmUp: boolean): FileAction => ({
    type,
    remote: isGet || type === "list" ? `${folders.remote}/${name}` : folders.target(isWarmUp).remote,
    local: isGet ? folders.target(isWarmUp).local : `${folders.local}/${name}`,
  });
  const timeoutMs = transferTimeout(bytes);
  const task = { target, suite, action: action(source, false) };
  if (command !== undefined) return runSftpCommand(command, { ...task, timeoutMs, namespace, folder: folders.local });
  const first = warmUp === undefined ? undefined : action(warmUp, true);
  return once(program!, { kind: "files", ...task, warmUp: first }, timeoutMs, namespace);
}

/**
 * The names of what is transferred by one action, and first. A long file is the same one twice: V8 is still compiling in the first hundreds
 * of MiB.
 */
export function sourcesOf(type: FileAction["type"]): { readonly source: string; readonly warmUp: string } {
  if (type === "list") return { source: SOURCES.list, warmUp: SOURCES.warmShort };
  return type === "get" || type === "put"
    ? { source: SOURCES.long, warmUp: SOURCES.long }
    : { source: SOURCES.short, warmUp: SOURCES.warmShort };
}
