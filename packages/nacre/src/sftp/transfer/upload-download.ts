import { checkSignal, usage } from "../../check.ts";
import { checkNames } from "../../option-names.ts";
import type { StreamTypes } from "../../streams/stream-kind.ts";
import { type RemotePath, toText } from "../remote-path.ts";
import type { Sftp } from "../sftp.ts";
import { FarSource, FarTarget } from "./far-trees.ts";
import type { NearPath } from "./near-files.ts";
import { NearSource, NearTarget } from "./near-trees.ts";
import { TRANSFER_OPTIONS, type TransferOptions, type TransferResult } from "./options.ts";
import { MOST_FILES } from "./slots.ts";
import { Transfer } from "./transfer.ts";

/**
 * Copies a file, or with `recursive` a directory, to the server. `remote` is the path of the copy, and its parent must exist. An existing
 * directory is merged with the new one. A file is written under a temporary name `.NAME.nacre-RANDOM` and renamed when it is whole, so
 * that readers see the old or the new contents; without posix-rename@openssh.com on the server, an existing file is missing for a moment.
 * The temporary file is removed after a failure. The permission bits of new files and directories are those of their sources, less the server's umask.
 *
 * Rejects with `usage`, `aborted`, an `SftpError` if the server refuses something, the error of the near side, or the one that ended SFTP.
 */
export async function upload<K extends StreamTypes>(
  sftp: Sftp<K>,
  local: NearPath,
  remote: RemotePath,
  options: TransferOptions = {},
): Promise<TransferResult> {
  checkOptions(options, "`upload`");
  const { channel } = sftp;
  const given = { ...options, symlinks: options.symlinks ?? "keep" } as const;
  const source = new NearSource(local.files);
  const transfer = new Transfer(source, new FarTarget(channel), given, "upload", () => channel.over !== undefined);
  return transfer.run(local.path, toText(remote));
}

/**
 * Copies a file, or with `recursive` a directory, from the server. `local` is the path of the copy, and its parent must exist. An
 * existing directory is merged with the new one. Nothing is written outside it: names from the server that are paths, or that the near
 * side reserves, fail with `file-unwritable`, and so does a directory in place of which the near side has a symbolic link. Links are made
 * last. A file is written under a temporary name `.NAME.nacre-RANDOM` and renamed when it is whole; after a failure it is removed.
 *
 * Rejects with `usage`, `aborted`, an `SftpError` if the server refuses something, the error of the near side, or the one that ended SFTP.
 */
export async function download<K extends StreamTypes>(
  sftp: Sftp<K>,
  remote: RemotePath,
  local: NearPath,
  options: TransferOptions = {},
): Promise<TransferResult> {
  checkOptions(options, "`download`");
  const { channel } = sftp;
  const given = { ...options, symlinks: options.symlinks ?? "skip" } as const;
  const target = new NearTarget(local.files);
  const transfer = new Transfer(new FarSource(channel), target, given, "download", () => channel.over !== undefined);
  return transfer.run(toText(remote), local.path);
}

const CHOICES = { symlinks: ["keep", "follow", "skip"], onError: ["abort", "skip"] } as const;

function checkOptions(options: TransferOptions, callee: string): void {
  checkNames(options, TRANSFER_OPTIONS, callee);
  const { concurrency, signal, filter, onProgress } = options;
  checkSignal(signal);
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= MOST_FILES))
    throw usage(`\`concurrency\` must be an integer from 1 to ${MOST_FILES}, got ${String(concurrency)}`);
  for (const [name, value] of Object.entries({ filter, onProgress }))
    if (value !== undefined && typeof value !== "function") throw usage(`\`${name}\` must be a function`);
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value = options[name as keyof typeof CHOICES];
    if (value !== undefined && !(choices as readonly string[]).includes(value))
      throw usage(`\`${name}\` must be one of ${choices.join(", ")}, got ${value}`);
  }
}
