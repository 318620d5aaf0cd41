import type { OptionRows } from "nacre/extend";
import type { OpenFlags } from "./open-file.ts";

/** Options of every call. */
export interface CallOptions {
  /** Aborts the call with the code `aborted`. What the server has already been asked may still happen. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `sftp` and `openSftp`. */
export interface OpenSftpOptions extends CallOptions {
  /** Whether to wait for the end of another session if the server refuses this one; default true. See `queue` of `exec`. */
  readonly queue?: boolean | undefined;
}

/** Options of `open`. */
export interface OpenOptions extends CallOptions {
  /** Permission bits of a new file; default 0o666. The server's umask applies. */
  readonly mode?: number | undefined;
}

/** Options of `stat`, `lstat` and `statfs`. */
export interface StatOptions extends CallOptions {
  /** Whether numbers are returned as bigints; default false. */
  readonly bigint?: boolean | undefined;
}

/** Options of `readFile`. */
export interface ReadFileOptions extends CallOptions {
  /** `"utf8"` decodes the bytes as text, with U+FFFD for invalid ones. Default: the bytes. */
  readonly encoding?: "utf8" | undefined;
  /** Maximum number of bytes; default 1 GiB. A longer file fails with `output-limit`. */
  readonly maxLength?: number | undefined;
}

/** Options of `appendFile`, and of `writeFile` of a `FileHandle`. */
export interface AppendFileOptions extends OpenOptions {
  /** Whether the server stores the file durably before the call resolves (fsync@openssh.com); default false. */
  readonly flush?: boolean | undefined;
}

/** Options of `writeFile`. */
export interface WriteFileOptions extends AppendFileOptions {
  /** How to open the file; default `"w"`. */
  readonly flag?: OpenFlags | undefined;
  /**
   * Whether to replace the file in one step, so that readers see the old or the new contents and a failure leaves the old ones; default
   * false. Writes to a new file in the same directory, stores it durably if the server can, and renames it.
   */
  readonly atomic?: boolean | undefined;
}

/** Options of `createReadStream`. */
export interface ReadStreamOptions extends CallOptions {
  /** First position in bytes; default 0. */
  readonly start?: number | undefined;
  /** Last position in bytes, inclusive as in Node; default the end of the file. */
  readonly end?: number | undefined;
}

/** Options of `createWriteStream`. */
export interface WriteStreamOptions extends OpenOptions {
  /** How to open the file; default `"w"`. */
  readonly flags?: OpenFlags | undefined;
  /** First position in bytes; default 0. Use it with the flags `"r+"`: `"w"` truncates the file. */
  readonly start?: number | undefined;
}

/** Options of the streams of a `FileHandle`. */
export interface HandleStreamOptions {
  /** Whether the stream closes the handle when it ends or fails; default true. */
  readonly autoClose?: boolean | undefined;
}

/** Options of `readdir`. */
export interface ReaddirOptions extends CallOptions {
  /** Whether to return `Dirent` objects with type and attributes; default false, names. */
  readonly withFileTypes?: boolean | undefined;
  /** Whether to list directories in it too, without following symbolic links; default false. Names then are paths below the directory. */
  readonly recursive?: boolean | undefined;
}

/** Options of `mkdir`. */
export interface MkdirOptions extends CallOptions {
  /** Permission bits; default 0o777. The server's umask applies. */
  readonly mode?: number | undefined;
  /** Whether to make missing parents, and to accept an existing directory; default false. */
  readonly recursive?: boolean | undefined;
}

/** Options of `rm`. */
export interface RmOptions extends CallOptions {
  /** Whether to remove directories with their contents; default false. Symbolic links are removed, never followed. */
  readonly recursive?: boolean | undefined;
  /** Whether to ignore a path that does not exist; default false. */
  readonly force?: boolean | undefined;
}

/** Options of `copyFile`. */
export interface CopyFileOptions extends CallOptions {
  /** Whether to replace an existing file; default true. */
  readonly force?: boolean | undefined;
}

/** Options of `cp`. */
export interface CpOptions extends CopyFileOptions {
  /** Whether to copy directories with their contents; default false. */
  readonly recursive?: boolean | undefined;
  /** Whether an existing file is an error if `force` is false; default false, it is left alone. */
  readonly errorOnExist?: boolean | undefined;
  /** Whether copies keep the times of their sources; default false. */
  readonly preserveTimestamps?: boolean | undefined;
}

/** Options of `glob`. */
export interface GlobOptions extends CallOptions {
  /** Directory that patterns are relative to; default the user's directory. */
  readonly cwd?: string | undefined;
}

const call: OptionRows<CallOptions> = { signal: true };
const open: OptionRows<OpenOptions> = { ...call, mode: true };
const appendFile: OptionRows<AppendFileOptions> = { ...open, flush: true };
const readStream: OptionRows<ReadStreamOptions> = { ...call, start: true, end: true };
const copyFile: OptionRows<CopyFileOptions> = { ...call, force: true };

/** Tables of the options of calls. */
interface SftpOptionNames {
  readonly call: OptionRows<CallOptions>;
  readonly sftp: OptionRows<OpenSftpOptions>;
  readonly open: OptionRows<OpenOptions>;
  readonly stat: OptionRows<StatOptions>;
  readonly readFile: OptionRows<ReadFileOptions>;
  readonly appendFile: OptionRows<AppendFileOptions>;
  readonly writeFile: OptionRows<WriteFileOptions>;
  readonly readStream: OptionRows<ReadStreamOptions>;
  readonly writeStream: OptionRows<WriteStreamOptions>;
  readonly handleReadStream: OptionRows<ReadStreamOptions & HandleStreamOptions>;
  readonly handleWriteStream: OptionRows<Pick<WriteStreamOptions, "start" | "signal"> & HandleStreamOptions>;
  readonly readdir: OptionRows<ReaddirOptions>;
  readonly mkdir: OptionRows<MkdirOptions>;
  readonly rm: OptionRows<RmOptions>;
  readonly copyFile: OptionRows<CopyFileOptions>;
  readonly cp: OptionRows<CpOptions>;
  readonly glob: OptionRows<GlobOptions>;
}

/** Names of the options of each call. */
export const SFTP_OPTIONS: SftpOptionNames = {
  call,
  sftp: { ...call, queue: "boolean" },
  open,
  stat: { ...call, bigint: true },
  readFile: { ...call, encoding: true, maxLength: true },
  appendFile,
  writeFile: { ...appendFile, flag: true, atomic: true },
  readStream,
  writeStream: { ...open, flags: true, start: true },
  handleReadStream: { ...readStream, autoClose: true },
  handleWriteStream: { ...call, start: true, autoClose: true },
  readdir: { ...call, withFileTypes: true, recursive: true },
  mkdir: { ...open, recursive: true },
  rm: { ...call, recursive: true, force: true },
  copyFile,
  cp: { ...copyFile, recursive: true, errorOnExist: true, preserveTimestamps: true },
  glob: { ...call, cwd: true },
};
