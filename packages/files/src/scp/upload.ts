import { encodePath } from "@nacre/sftp";
import {
  SCP_LIMITS,
  type ScpEntry,
  ScpSource,
  type ScpSourceEvent,
  type ScpTimes,
  scpNameProblem,
} from "@nacre/sftp/scp";
import { escapeText, SshError } from "@nacre/wire";
import { usage } from "nacre/extend";
import type { CallContext } from "../channel/call.ts";
import { basename, dirname, type RemotePath, toText } from "../channel/remote-path.ts";
import type { LocalEntry, LocalPath, LocalReader, LocalStats } from "../local/local-files.ts";
import { shownPath } from "../local/names.ts";
import type { ChannelOpener } from "../remote/open-sftp.ts";
import type { TransferResult } from "../transfer/options.ts";
import { type ScpCommand, scpCommand } from "./command.ts";
import { checkScpOptions, type ScpOptions } from "./options.ts";
import { problemError, type ScpJob, ScpTransfer } from "./scp-transfer.ts";

/** Length in bytes of the buffer that files are read with. */
const BUFFER_LENGTH = 256 * 1024;

/** Maximum depth of directories. An `ScpSink` accepts no more. */
const MAX_DEPTH = SCP_LIMITS.defaults.maxDepth;

/** Permission bits for files and directories if the local side has none. */
const DEFAULT_MODE = { file: 0o644, directory: 0o755 };

/**
 * Copies a file, or with `recursive` a directory, to a server without SFTP. `remote` is the path of the copy, and its parent must exist.
 * It is quoted for a POSIX shell, so the server expands neither `*` nor `~` in it. An existing directory is merged with the new one. A
 * first name with a colon, as in `flash:config`, names a file system of a device. Such a path is passed unchanged.
 *
 * scp has no temporary names: most servers write to the final path, so a failed upload may leave a partial file. The result counts only
 * files that the server has confirmed.
 *
 * Rejects with `usage`, `aborted`, `scp-failure` if the server reports a problem, `malformed-message` if it violates the protocol,
 * `channel-request-failed` if it runs no commands, the error of the local side, or the one that ended the connection.
 */
export async function uploadScp(
  ssh: ChannelOpener,
  local: LocalPath,
  remote: RemotePath,
  options: ScpOptions = {},
): Promise<TransferResult> {
  checkScpOptions(options, "`uploadScp`", ["skip", "follow"]);
  if (options.followTarget === false)
    throw usage("`uploadScp`: `followTarget` must be true: the server follows its links; SFTP has the choice");
  const path = toText(remote);
  const { signal } = options;
  const from = shownPath(local.path, local.files.nameRules);
  const context: CallContext = { call: "upload", path: local.path, shownPath: from, signal };
  const stats = await local.files.stat(local.path);
  const target = targetOf(path, stats, options, from);
  const upload = new Upload({ machine: new ScpSource(), local, options, context }, stats, target.name);
  return upload.run(ssh, scpCommand(target.command));
}

/** Command of an upload, and the name to send for its root. Without a name, the entries of the root are sent in its place. */
interface Target {
  readonly command: ScpCommand;
  readonly name: Uint8Array | undefined;
}

/**
 * Splits the target into directory and name, so that the copy gets exactly this path. `scp -t PATH` alone would write into an existing
 * directory. `from` is the source, for messages. Throws `usage` for an invalid source or target.
 */
function targetOf(path: string, { type }: LocalStats, options: ScpOptions, from: string): Target {
  const { recursive = false, preserve = false } = options;
  if (type !== "file" && type !== "directory")
    throw new SshError("usage", `upload "${from}": it is neither a file nor a directory`);
  if (type === "directory" && !recursive)
    throw new SshError("usage", `upload "${from}": it is a directory; pass { recursive: true }`);
  const command = { role: "sink", recursive: type === "directory", preserve } as const;
  if (/^[^/]*:/.test(path)) {
    const name = encodePath(basename(path).replace(/^.*:/, "") || "file");
    return { command: { ...command, path, isDirectory: false }, name };
  }
  const name = encodePath(basename(path));
  const problem = scpNameProblem(name);
  if (problem === undefined) return { command: { ...command, path: dirname(path), isDirectory: true }, name };
  if (type === "directory") return { command: { ...command, path: path || ".", isDirectory: true }, name: undefined };
  throw new SshError("usage", `upload to "${escapeText(path)}": pass the path of the file, with its name`);
}

/** A directory being sent. */
interface Directory {
  /** Path below the root; "" for the root. */
  readonly path: string;
  readonly from: string;
  /** Path with links resolved, if links are followed. */
  readonly real: string | undefined;
  readonly parent: Directory | undefined;
  readonly depth: number;
}

class Upload extends ScpTransfer<ScpSourceEvent, ScpSource> {
  readonly #stats: LocalStats;
  /** Name to send for the root. */
  readonly #name: Uint8Array | undefined;
  readonly #buffer = new Uint8Array(BUFFER_LENGTH);

  constructor(job: ScpJob<ScpSource>, stats: LocalStats, name: Uint8Array | undefined) {
    super(job);
    this.#stats = stats;
    this.#name = name;
  }

  protected override async move(): Promise<void> {
    await this.#answer("the server refused to receive files");
    const stats = this.#stats;
    const name = this.#name;
    if (stats.type === "file") {
      this.tally.listed();
      await this.#attempt("", () => this.#sendFile("", this.local, name!, stats, true));
      return;
    }
    const real = this.options.symlinks === "follow" ? await this.files.realpath(this.local) : undefined;
    const root: Directory = { path: "", from: this.local, real, parent: undefined, depth: 0 };
    await this.#attempt("", () => this.#sendDirectory(root, name, stats));
  }

  async #sendDirectory(directory: Directory, name: Uint8Array | undefined, stats: LocalStats): Promise<void> {
    if (name !== undefined) {
      this.machine.directory(this.#entry(name, stats, DEFAULT_MODE.directory));
      await this.#answer("the server refused the directory");
    }
    this.tally.directory();
    await this.#attempt(directory.path, async () => {
      for await (const entry of this.files.list(directory.from)) {
        const path = directory.path === "" ? entry.name : `${directory.path}/${entry.name}`;
        await this.#attempt(path, () => this.#add(directory, entry, path));
      }
    });
    if (name === undefined) return;
    this.machine.endDirectory();
    await this.#answer("the server reports a problem with the directory");
  }

  async #add(directory: Directory, entry: LocalEntry, path: string): Promise<void> {
    const { symlinks = "skip" } = this.options;
    const from = this.files.join(directory.from, entry.name);
    const isFollowed = entry.type === "link" && symlinks === "follow";
    const found = isFollowed ? await this.files.stat(from) : entry;
    const { type, size } = found;
    if (type === "special" || type === "link") return this.tally.skip(path, type);
    if (!(await this.tally.wants({ path, type, size }))) return;
    const name = encodePath(entry.name);
    const problem = scpNameProblem(name);
    if (problem !== undefined)
      throw new SshError("usage", `"${escapeText(path)}" cannot be sent with scp: ${problem}; rename it`);
    if (type === "file") return this.#sendFile(path, from, name, found, isFollowed);
    const depth = directory.depth + 1;
    if (depth >= MAX_DEPTH)
      throw new SshError("output-limit", `more than ${MAX_DEPTH} nested directories; transfer them in parts`);
    const real = await this.#realPath(directory, entry.name, from, isFollowed);
    await this.#sendDirectory({ path, from, real, parent: directory, depth }, name, found);
  }

  /** Returns the path of a directory with links resolved, if links are followed. Throws if it is a parent of itself. */
  async #realPath(directory: Directory, name: string, from: string, isLink: boolean): Promise<string | undefined> {
    if (directory.real === undefined) return undefined;
    if (!isLink) return this.files.join(directory.real, name);
    const real = await this.files.realpath(from);
    for (let above: Directory | undefined = directory; above !== undefined; above = above.parent)
      if (above.real === real)
        throw new SshError(
          "usage",
          `"${this.show(from)}" leads back to a directory above it; leave it out with \`filter\``,
        );
    return real;
  }

  async #sendFile(path: string, from: string, name: Uint8Array, stats: LocalStats, follow: boolean): Promise<void> {
    const { size } = stats;
    const file = await this.files.open(from, follow);
    try {
      this.tally.found(size);
      this.machine.file(this.#entry(name, stats, DEFAULT_MODE.file), size);
      await this.#answer("the server refused the file");
      const failure = await this.#contents(file, path, from, size);
      if (!this.process.isOver) this.machine.endFile(failure && "scp: the client could not read the file");
      await this.#answer("the server could not write the file");
      if (failure !== undefined) throw failure.error;
      this.tally.whole(path, size);
    } finally {
      await file.close();
    }
  }

  /**
   * Sends exactly `size` bytes, as the record of the file states. If the file has fewer or cannot be read, sends zeros instead, and
   * resolves with the failure.
   */
  async #contents(
    file: LocalReader,
    path: string,
    from: string,
    size: number,
  ): Promise<{ readonly error: unknown } | undefined> {
    let failure: { readonly error: unknown } | undefined;
    for (let position = 0; position < size; ) {
      const buffer = this.#buffer.subarray(0, Math.min(BUFFER_LENGTH, size - position));
      let length = buffer.length;
      if (failure === undefined) {
        try {
          length = await file.read(buffer, position);
          if (length === 0)
            throw new SshError("file-unreadable", `${this.show(from)} became shorter; transfer it again`);
        } catch (error) {
          // If this ends the transfer, no more contents are sent.
          if (this.options.onError !== "skip") throw error;
          failure = { error };
          this.#buffer.fill(0);
          length = buffer.length;
        }
      }
      this.machine.contents(buffer.subarray(0, length));
      await this.process.flush();
      // The next event has the reason.
      if (this.process.isOver) break;
      position += length;
      if (failure === undefined) this.tally.moved(path, length);
    }
    return failure;
  }

  #entry(name: Uint8Array, { mode, atimeMs, mtimeMs }: LocalStats, defaultMode: number): ScpEntry {
    const times: ScpTimes | undefined =
      this.options.preserve === true && mtimeMs !== undefined
        ? { mtime: seconds(mtimeMs), atime: seconds(atimeMs ?? mtimeMs) }
        : undefined;
    return { name, mode: (mode ?? defaultMode) & 0o777, times };
  }

  /** Does the work for one entry. Its failure ends the transfer, or is noted. */
  async #attempt(path: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.tally.fail(path, error);
    }
  }

  /** Waits for the server's answer. Throws its refusal of `what`, or the error that ended scp. */
  async #answer(what: string): Promise<void> {
    const event = await this.next();
    if (event === undefined) throw new SshError("channel-closed", "the server ended scp too early");
    if (event.type === "refused") throw problemError(what, event.message);
  }
}

/** Returns whole seconds from 0. */
function seconds(ms: number): number {
  return Math.max(0, Math.floor(ms / 1000));
}
