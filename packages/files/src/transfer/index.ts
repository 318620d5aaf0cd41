import { type StreamTypes, usage } from "nacre/extend";
import { dirname, type RemotePath, toText } from "../channel/remote-path.ts";
import type { LocalFiles, LocalPath } from "../local/local-files.ts";
import { assertApart } from "../remote/copy.ts";
import { partsOf, type Sftp } from "../remote/sftp.ts";
import {
  checkTransferOptions,
  type TransferOptions,
  type TransferResult,
  UPLOAD_OPTIONS,
  type UploadOptions,
} from "./options.ts";
import { LocalSource, LocalTarget } from "./sides/local.ts";
import { RemoteSource, RemoteTarget } from "./sides/remote.ts";
import { iterableSource, sinkTarget, type TransferSink } from "./sides/streams.ts";
import { FilesTransfer, Transfer } from "./transfer.ts";

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

/** Source of `upload`: a path, a pattern, or the contents of one file. */
export type UploadSource = LocalPath | LocalPattern | AsyncIterable<Uint8Array>;

/**
 * Copies a file, or with `recursive` a directory, to the server. `remote` is the path of the copy. Its parent must exist, unless `parents`
 * makes it. An existing directory is merged with the new one. A file is written under a temporary name `.NAME.nacre-RANDOM` and renamed
 * when it is complete, so that readers see the old or the new contents; without posix-rename@openssh.com on the server, an existing file
 * is missing for a moment, and has a name `.NAME.nacre-RANDOM` if the connection is lost then. The temporary file is removed after a
 * failure, unless `resume` keeps it. The permission bits of new files and directories are those of their sources, less the server's umask;
 * without `preserve`, the owner gets all rights to new directories.
 *
 * With a pattern, `remote` is a directory, which is made if it is missing. Matches keep their paths after the names that precede the first
 * wildcard: `dist/**` copies `dist/a/b.js` to `a/b.js`. With an async iterable of bytes, `remote` is a file with these contents;
 * `recursive`, `preserve`, `resume`, `update` and `delete` are then refused.
 *
 * Rejects with `usage`, also if nothing matches, `output-limit`, `aborted`, an `SftpError` if the server refuses something, the error of
 * the local side or of the iterable, or the one that ended SFTP.
 */
export async function upload<K extends StreamTypes>(
  sftp: Sftp<K>,
  local: UploadSource,
  remote: RemotePath,
  options: UploadOptions = {},
): Promise<TransferResult> {
  const given = { ...options, symlinks: options.symlinks ?? "keep" } as const;
  const { channel, opener } = partsOf(sftp);
  const target = new RemoteTarget(channel, opener);
  const call = { name: "upload", options: given, isOver: (): boolean => channel.over !== undefined };
  const to = toText(remote);
  if (isIterable(local)) {
    checkTransferOptions(options, "`upload`", "stream", UPLOAD_OPTIONS);
    await makeParents(sftp, to, options);
    return new FilesTransfer(iterableSource(local), target, call).file("", to);
  }
  checkLocal(local, "upload");
  checkTransferOptions(options, "`upload`", "glob" in local ? "pattern" : "path", UPLOAD_OPTIONS);
  await makeParents(sftp, to, options);
  const { files } = local;
  const transfer = new Transfer(new LocalSource(files), target, call, platformOf(files));
  return "glob" in local ? transfer.runMatches(checkPattern(local.glob), to) : transfer.run(local.path, to);
}

/**
 * Copies a file, or with `recursive` a directory, from the server. `local` is the path of the copy, and its parent must exist. An
 * existing directory is merged with the new one. Nothing is written outside it: a name from the server that is a path, or that the local
 * side reserves, fails with `file-unwritable`, and so does a directory if the local side has a symbolic link with its name. Links are
 * made last. A file is written under a temporary name `.NAME.nacre-RANDOM` and renamed when it is complete; after a failure it is
 * removed, unless `resume` keeps it.
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
  const { channel, opener } = partsOf(sftp);
  const source = new RemoteSource(channel, opener);
  const call = { name: "download", options: given, isOver: (): boolean => channel.over !== undefined };
  if (typeof local === "function") {
    checkTransferOptions(options, "`download`", "stream");
    if (isRemotePattern(remote)) throw usage("a pattern may match several files, and a function takes one");
    return new FilesTransfer(source, sinkTarget(local), call).file(toText(remote), "");
  }
  checkLocal(local, "download");
  checkTransferOptions(options, "`download`", isRemotePattern(remote) ? "pattern" : "path");
  const { files, path } = local;
  const target = new LocalTarget(files);
  if (options.delete === true && !target.removesDirectories)
    throw usage("`delete` needs a local side that removes directories (`LocalFiles.removeDirectory`)");
  const transfer = new Transfer(source, target, call, platformOf(files));
  return isRemotePattern(remote)
    ? transfer.runMatches(checkPattern(remote.glob), path)
    : transfer.run(toText(remote), path);
}

/**
 * Copies a file, or with `recursive` a directory, from one server to another. The contents travel through this program, which stores
 * nothing. Otherwise like `upload`, with the checks of names of `download`. Links are left out by default, because the first
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
  const [first, second] = [partsOf(from), partsOf(to)];
  const isSameServer =
    first.channel === second.channel || (first.opener !== undefined && first.opener === second.opener);
  if (isSameServer && !isRemotePattern(path))
    await assertApart(second.channel, toText(path), toText(target), { call: "copy", signal: options.signal });
  const isOver = (): boolean => first.channel.over !== undefined || second.channel.over !== undefined;
  const source = new RemoteSource(first.channel, first.opener);
  const transfer = new Transfer(source, new RemoteTarget(second.channel, second.opener), {
    name: "copy",
    options: given,
    isOver,
  });
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
