import { type StreamTypes, usage } from "nacre/extend";
import type { LocalFiles, LocalPath } from "../local/local-files.ts";
import { assertApart } from "../remote/copy.ts";
import { dirname, type RemotePath, toText } from "../remote/remote-path.ts";
import type { Sftp } from "../remote/sftp.ts";
import { checkTransferOptions } from "./check-options.ts";
import { FilesTransfer } from "./files-transfer.ts";
import { HeldDirectories } from "./held-directories.ts";
import { LocalSource, LocalTarget } from "./local-trees.ts";
import { type TransferOptions, type TransferResult, UPLOAD_OPTIONS, type UploadOptions } from "./options.ts";
import { RemoteSource, RemoteTarget } from "./remote-trees.ts";
import { iterableSource, sinkTarget, type TransferSink } from "./stream-ends.ts";
import { Transfer } from "./transfer.ts";

/** Pattern for files of the server, as `Sftp.glob` takes it. */
export interface RemotePattern {
  /** The pattern. */
  readonly glob: string;
}

/** Pattern for files of the local side, with "/" between names. */
export interface LocalPattern extends RemotePattern {
  /** File system that has them. */
  readonly files: LocalFiles;
}

/** What `upload` takes: a path, a pattern, or the contents of one file. */
export type UploadSource = LocalPath | LocalPattern | AsyncIterable<Uint8Array>;

/**
 * Copies a file, or with `recursive` a directory, to the server. `remote` is the path of the copy. Its parent must exist, unless `parents`
 * makes it. An existing directory is merged with the new one. A file is written under a temporary name `.NAME.nacre-RANDOM` and renamed when it is whole, so
 * that readers see the old or the new contents; without posix-rename@openssh.com on the server, an existing file is missing for a moment.
 * The temporary file is removed after a failure, unless `resume` keeps it. The permission bits of new files and directories are those of
 * their sources, less the server's umask.
 *
 * With a pattern, `remote` is a directory, which is made if it is missing. What matches is put into it with its path below the names before
 * the first wildcard: `dist/**` puts `dist/a/b.js` at `a/b.js`. With an async iterable of bytes, `remote` is a file with these contents;
 * `recursive`, `preserve`, `resume`, `update` and `delete` are then refused.
 *
 * Rejects with `usage`, also if nothing matches, `output-limit`, `aborted`, an `SftpError` if the server refuses something, the error of the
 * local side or of the iterable, or the one that ended SFTP.
 */
export async function upload<K extends StreamTypes>(
  sftp: Sftp<K>,
  local: UploadSource,
  remote: RemotePath,
  options: UploadOptions = {},
): Promise<TransferResult> {
  const given = { ...options, symlinks: options.symlinks ?? "keep" } as const;
  const { channel } = sftp;
  const target = new RemoteTarget(channel, sftp.opener);
  const isOver = (): boolean => channel.over !== undefined;
  const to = toText(remote);
  if (isIterable(local)) {
    checkTransferOptions(options, "`upload`", "stream", UPLOAD_OPTIONS);
    await makeParents(sftp, to, options);
    const call = { options: given, name: "upload", isOver };
    const files = new FilesTransfer(iterableSource(local), target, new HeldDirectories(target), call, {});
    return files.file("", to);
  }
  checkLocal(local, "upload");
  checkTransferOptions(options, "`upload`", "glob" in local ? "pattern" : "path", UPLOAD_OPTIONS);
  await makeParents(sftp, to, options);
  const { files } = local;
  const transfer = new Transfer(new LocalSource(files), target, given, "upload", isOver, platformOf(files));
  return "glob" in local ? transfer.runMatches(checkPattern(local.glob), to) : transfer.run(local.path, to);
}

/**
 * Copies a file, or with `recursive` a directory, from the server. `local` is the path of the copy, and its parent must exist. An
 * existing directory is merged with the new one. Nothing is written outside it: names from the server that are paths, or that the local
 * side reserves, fail with `file-unwritable`, and so does a directory in place of which the local side has a symbolic link. Links are made
 * last. A file is written under a temporary name `.NAME.nacre-RANDOM` and renamed when it is whole; after a failure it is removed, unless
 * `resume` keeps it.
 *
 * With a pattern `{ glob }`, `local` is a directory, as for `upload`. If `local` is a function, it gets the contents of the one file as an
 * async iterable, and `recursive`, `preserve`, `resume`, `update` and `delete` are refused.
 *
 * Rejects with `usage`, also if nothing matches, `output-limit`, `aborted`, `sftp-failure` if a file ends before the size that the server
 * states, an `SftpError` if the server refuses something, the error of the local side or of the function, or the one that ended SFTP.
 */
export async function download<K extends StreamTypes>(
  sftp: Sftp<K>,
  remote: RemotePath | RemotePattern,
  local: LocalPath | TransferSink,
  options: TransferOptions = {},
): Promise<TransferResult> {
  const given = { ...options, symlinks: options.symlinks ?? "skip" } as const;
  const { channel } = sftp;
  const source = new RemoteSource(channel, sftp.opener);
  const isOver = (): boolean => channel.over !== undefined;
  if (typeof local === "function") {
    checkTransferOptions(options, "`download`", "stream");
    if (isRemotePattern(remote)) throw usage("a pattern may match several files, and a function takes one");
    const from = toText(remote);
    const call = { options: given, name: "download", isOver };
    const files = new FilesTransfer(source, sinkTarget(local), new HeldDirectories(source), call, {});
    return files.file(from, "");
  }
  checkLocal(local, "download");
  checkTransferOptions(options, "`download`", isRemotePattern(remote) ? "pattern" : "path");
  const { files, path } = local;
  const target = new LocalTarget(files);
  if (options.delete === true && !target.removesDirectories)
    throw usage("`delete` needs a local side that removes directories (`LocalFiles.removeDirectory`)");
  const transfer = new Transfer(source, target, given, "download", isOver, platformOf(files));
  return isRemotePattern(remote)
    ? transfer.runMatches(checkPattern(remote.glob), path)
    : transfer.run(toText(remote), path);
}

/**
 * Copies a file, or with `recursive` a directory, from one server to another. The contents travel through this program, which stores
 * nothing. Everything else is as for `upload`, with the limits on names of `download`; links are left out by default, because the first
 * server chooses where they lead.
 *
 * Rejects with `usage`, also if nothing matches, `output-limit`, `aborted`, `sftp-failure` as for `download`, an `SftpError` if a server
 * refuses something, or the error that ended one SFTP.
 */
export async function copy<K extends StreamTypes, L extends StreamTypes>(
  from: Sftp<K>,
  path: RemotePath | RemotePattern,
  to: Sftp<L>,
  target: RemotePath,
  options: TransferOptions = {},
): Promise<TransferResult> {
  checkTransferOptions(options, "`copy`", isRemotePattern(path) ? "pattern" : "path");
  const given = { ...options, symlinks: options.symlinks ?? "skip" } as const;
  const isSameServer = from.channel === to.channel || (from.opener !== undefined && from.opener === to.opener);
  if (isSameServer && !isRemotePattern(path))
    await assertApart(to.channel, toText(path), toText(target), { call: "copy", signal: options.signal });
  const isOver = (): boolean => from.channel.over !== undefined || to.channel.over !== undefined;
  const source = new RemoteSource(from.channel, from.opener);
  const transfer = new Transfer(source, new RemoteTarget(to.channel, to.opener), given, "copy", isOver);
  return isRemotePattern(path)
    ? transfer.runMatches(checkPattern(path.glob), toText(target))
    : transfer.run(toText(path), toText(target));
}

async function makeParents<K extends StreamTypes>(
  sftp: Sftp<K>,
  target: string,
  { parents, signal }: UploadOptions,
): Promise<void> {
  const directory = dirname(target);
  if (parents !== true || directory === "." || directory === "/") return;
  await sftp.mkdir(directory, { recursive: true, signal });
}

function platformOf(files: LocalFiles): { readonly sha256?: NonNullable<LocalFiles["sha256"]> } {
  return files.sha256 === undefined ? {} : { sha256: () => files.sha256!() };
}

function checkLocal(local: LocalPath | LocalPattern, callee: string): void {
  const { files, path, glob } = Object(local) as Partial<LocalPath & LocalPattern>;
  if (typeof files !== "object" || (typeof path !== "string" && typeof glob !== "string"))
    throw usage(`the local side of \`${callee}\` must be a path, a pattern, or for one file a stream`);
}

function isIterable(local: UploadSource): local is AsyncIterable<Uint8Array> {
  return Symbol.asyncIterator in Object(local);
}

function isRemotePattern(path: RemotePath | RemotePattern): path is RemotePattern {
  return typeof path === "object" && path !== null && "glob" in path;
}

function checkPattern(pattern: unknown): string {
  if (typeof pattern !== "string" || pattern === "")
    throw usage("`glob` must be a pattern, as a string that is not empty");
  return pattern;
}
