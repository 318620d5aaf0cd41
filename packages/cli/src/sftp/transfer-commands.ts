import { download, type LocalFileType, type LocalPath, nameProblem, upload, WrittenNames } from "@nacre/files";
import type { TransferOptions, TransferResult } from "@nacre/node";
import { isNullDevice, showPath } from "@nacre/node/extend";
import { escapeText, SshError } from "@nacre/wire";
import { unsetLines, unverifiedLines } from "../cp/result-lines.ts";
import { intoSpecial, isStandardOutput } from "../cp/special-file.ts";
import { TotalProgress } from "../cp/total-progress.ts";
import type { Command, CommandCall } from "./command.ts";
import { baseRemote, joinRemote, type Session, shown } from "./session.ts";
import type { Word } from "./words.ts";

/** A file or directory to move, by absolute paths. */
interface Move {
  readonly from: string;
  readonly to: string;
}

/** One direction of transfers. */
interface Direction {
  /** Words that announce a transfer, and one that resumes. */
  readonly verbs: readonly [string, string];
  /** Resolves with the source paths that a word names. */
  expand(session: Session, word: Word): Promise<readonly string[]>;
  /** Resolves with the size of a file; `undefined` for a directory. */
  size(session: Session, path: string): Promise<number | undefined>;
  /**
   * Returns the last name of a source path. Throws `file-unwritable` if the target side does not allow the name, or not beside those that
   * were `written`.
   */
  basename(session: Session, path: string, written: WrittenNames): string;
  /** Returns the absolute path of a target. */
  target(session: Session, path: string): string;
  /** Resolves with the type of the target, following links; `undefined` if it does not exist. */
  targetType(session: Session, path: string): Promise<LocalFileType | undefined>;
  /** Returns a source path and a target path as they are shown. */
  readonly show: readonly [from: (path: string) => string, to: (path: string) => string];
  /** Returns the path of a name in a target directory. */
  join(session: Session, directory: string, name: string): string;
  /** Returns whether the target side can store files durably. sftp(1) moves them all the same if it cannot. */
  canFlush(session: Session): boolean;
  /** Moves a file or directory. */
  move(session: Session, move: Move, options: TransferOptions): Promise<TransferResult>;
  /** Writes the contents of a file into a device, pipe or socket; `undefined` if this direction does not support it. */
  readonly moveIntoSpecial?: Direction["move"];
}

/** Last parts of a typed path that name a place rather than an entry. No pattern matches them. */
const PLACES: ReadonlySet<string> = new Set([".", "..", "/"]);

const DOWN: Direction = {
  verbs: ["Fetching", "Resuming"],
  show: [shown, showPath],
  expand: (session, word) => session.expandRemote(word),
  size: async ({ sftp, signal }, path) => {
    const stats = await sftp.stat(path, { signal });
    return stats.isDirectory() ? undefined : stats.size;
  },
  basename({ files: { nameRules } }, path, written) {
    const name = baseRemote(path);
    if (PLACES.has(name)) return name;
    // The server chooses the names that a pattern matches.
    const problem =
      /* rule: sftp-name-local */ nameProblem(name, nameRules) ??
      (nameRules === "windows" ? written.problem(name) : undefined);
    if (problem === undefined) return name;
    throw new SshError("file-unwritable", `"${escapeText(path)}" cannot be written here: ${problem}`);
  },
  target: (session, path) => session.localPath(path),
  targetType: async ({ files }, path) =>
    isStandardOutput(path) || isNullDevice(path)
      ? "special"
      : files.stat(path).then(
          ({ type }) => type,
          () => undefined,
        ),
  join: ({ files }, directory, name) => files.join(directory, name),
  canFlush: () => true,
  move: (session, { from, to }, options) => download(session.sftp, from, localPath(session, to), options),
  moveIntoSpecial: ({ sftp }, { from, to }, options) => download(sftp, from, intoSpecial(to), options),
};

const UP: Direction = {
  verbs: ["Uploading", "Resuming"],
  show: [showPath, shown],
  expand: (session, word) => session.expandLocal(word),
  size: async ({ files }, path) => {
    const { type, size } = await files.stat(path);
    return type === "directory" ? undefined : size;
  },
  basename: ({ files }, path) => files.split(path).name,
  target: (session, path) => session.remotePath(path),
  targetType: ({ sftp, signal }, path) =>
    sftp.stat(path, { signal }).then(
      (stats) => (stats.isDirectory() ? "directory" : stats.isFile() ? "file" : "special"),
      () => undefined,
    ),
  join: (_, directory, name) => joinRemote(directory, name),
  canFlush: ({ sftp }) => sftp.extensions.has("fsync@openssh.com"),
  move: (session, { from, to }, options) => upload(session.sftp, localPath(session, from), to, options),
};

function localPath({ files }: Session, path: string): LocalPath {
  return { files, path };
}

/** Transfers what the first word names to the path, or into the directory, that the second word names. */
async function transfer(
  direction: Direction,
  session: Session,
  { flags, words }: CommandCall,
  alwaysResumes: boolean,
): Promise<void> {
  const { settings } = session;
  const [source, target] = words;
  const resume = alwaysResumes || settings.resume || flags.has("a");
  const recursive = settings.recursive || flags.has("r") || flags.has("R");
  const preserve = settings.preserve || flags.has("p") || flags.has("P");
  const flush = (settings.flush || flags.has("f")) && direction.canFlush(session);
  const paths = await direction.expand(session, source!);
  const to = direction.target(session, target?.text ?? "");
  const type = target === undefined ? "directory" : await direction.targetType(session, to);
  const isInto = type === "directory";
  const {
    moveIntoSpecial,
    show: [showFrom, showTo],
  } = direction;
  if (paths.length > 1 && !isInto)
    throw new SshError("usage", `"${showTo(target!.text)}" is not a directory; several files need one`);
  if (type === "special" && moveIntoSpecial === undefined)
    throw new SshError("usage", `"${escapeText(to)}" on the server is a device, pipe or socket; name a file`);

  const written = new WrittenNames();
  await session.each(paths, async (from) => {
    const size = await direction.size(session, from);
    if (size === undefined && !recursive)
      throw new SshError("usage", `"${showFrom(from)}" is a directory; move it with -r`);
    const name = isInto ? direction.basename(session, from, written) : undefined;
    const move = { from, to: name === undefined ? to : direction.join(session, to, name), size };
    session.announce(`${direction.verbs[resume ? 1 : 0]} ${showFrom(from)} to ${showTo(move.to)}`);
    const bar = session.showsProgress ? session.output.bar : undefined;
    const progress = bar && new TotalProgress(bar, [{ name: baseRemote(from), size }], () => performance.now());
    try {
      const common = { limit: settings.limit, signal: session.signal, onProgress: progress?.of(0) };
      const result =
        type === "special" && moveIntoSpecial !== undefined
          ? await moveIntoSpecial(session, move, common)
          : // sftp(1) leaves links out, too.
            await direction.move(session, move, {
              ...common,
              recursive,
              preserve,
              flush,
              resume,
              symlinks: "skip",
              // rule: sftp-typed-target
              followTarget: name === undefined || PLACES.has(name),
              onError: "skip",
            });
      progress?.ended(0, result.bytes);
      report(session, from, showFrom, result);
    } finally {
      progress?.finish();
    }
  });
}

/** Prints what was not moved, not verified, or moved without its attributes. */
function report(
  session: Session,
  from: string,
  show: (path: string) => string,
  { failed, skipped, unverified, unset }: TransferResult,
): void {
  for (const { path, reason } of skipped)
    if (reason !== "filter") session.announce(`Skipping ${show(`${from}/${path}`)}: not a regular file`);
  for (const line of unverifiedLines(from, unverified, show)) session.output.say(line);
  for (const line of unsetLines(from, unset, show)) session.fail(line);
  for (const { error } of failed) session.complain(error);
}

/** Flags of sftp(1). */
const FLAGS = "afpPrR";

/** `get`, `put`, `reget` and `reput`. */
export const TRANSFER_COMMANDS: readonly Command[] = [
  {
    names: ["get", "mget"],
    usage: "[-afpr] remote [local]",
    summary: "Fetch a file; -r a directory, -p keeps times and modes, -a resumes, -f syncs",
    flags: FLAGS,
    kinds: ["remote", "local"],
    count: [1, 2],
    run: (session, call) => transfer(DOWN, session, call, false),
  },
  {
    names: ["reget"],
    usage: "[-fpr] remote [local]",
    summary: "Resume to fetch a file",
    flags: FLAGS,
    kinds: ["remote", "local"],
    count: [1, 2],
    run: (session, call) => transfer(DOWN, session, call, true),
  },
  {
    names: ["put", "mput"],
    usage: "[-afpr] local [remote]",
    summary: "Send a file; -r a directory, -p keeps times and modes, -a resumes, -f syncs",
    flags: FLAGS,
    kinds: ["local", "remote"],
    count: [1, 2],
    run: (session, call) => transfer(UP, session, call, false),
  },
  {
    names: ["reput"],
    usage: "[-fpr] local [remote]",
    summary: "Resume to upload a file",
    flags: FLAGS,
    kinds: ["local", "remote"],
    count: [1, 2],
    run: (session, call) => transfer(UP, session, call, true),
  },
];
