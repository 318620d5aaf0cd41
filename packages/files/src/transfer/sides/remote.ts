import { decodePath, SFTP_EXTENSIONS, type SftpClientRequest, SftpError, SSH_FX } from "@nacre/sftp";
import { escapeText, SshError } from "@nacre/wire";
import { unlessAborted } from "nacre/extend";
import { readShort } from "../../blocks/read.ts";
import { writeOpened } from "../../blocks/write-file.ts";
import { abortError, type CallContext, call } from "../../channel/call.ts";
import { renameFile } from "../../channel/open-file.ts";
import { basename, dirname, join, toBytes } from "../../channel/remote-path.ts";
import type { SftpChannel } from "../../channel/sftp-channel.ts";
import { type Chunk, joined } from "../../local/chunk.ts";
import type { LocalFileType, LocalStats } from "../../local/local-files.ts";
import { nameProblem, temporaryName } from "../../local/names.ts";
import { openDirectory } from "../../remote/directory.ts";
import { globRemote, type ListDirectory } from "../../remote/glob.ts";
import type { ChannelOpener } from "../../remote/open-sftp.ts";
import { Stats } from "../../remote/stats.ts";
import { attributesOf, statsOf } from "./remote-attributes.ts";
import { RemoteDigests } from "./remote-digests.ts";
import { RemotePartials } from "./remote-partials.ts";
import { readRemote } from "./remote-read.ts";
import { filesFor } from "./slots.ts";
import type {
  NewAttributes,
  NewDirectory,
  ReadOptions,
  SourceMatch,
  SourceTree,
  TargetEntry,
  TargetTree,
} from "./trees.ts";

/** Reads files of the server for a download. */
export class RemoteSource implements SourceTree {
  readonly remote: RemoteDigests;
  readonly #channel: SftpChannel;

  /** `opener` runs the commands that digest files. */
  constructor(channel: SftpChannel, opener?: ChannelOpener) {
    this.#channel = channel;
    this.remote = new RemoteDigests(channel, opener);
  }

  get mostFiles(): number {
    return filesFor(this.#channel.machine.serverLimits.maxOpenHandles);
  }

  show(path: string): string {
    return escapeText(path);
  }

  join(directory: string, name: string): string {
    return join(directory, name);
  }

  stat(path: string, context: CallContext): Promise<LocalStats> {
    return stat(this.#channel, "stat", path, context);
  }

  lstat(path: string, context: CallContext): Promise<LocalStats> {
    return stat(this.#channel, "lstat", path, context);
  }

  async realpath(path: string, context: CallContext): Promise<string> {
    const { name } = await call(this.#channel, { type: "realpath", path: toBytes(path) }, "name", context);
    return decodePath(name.filename);
  }

  list(path: string, context: CallContext): AsyncGenerator<TargetEntry, void> {
    return list(this.#channel, path, context);
  }

  async *glob(
    directory: string,
    pattern: string,
    context: CallContext,
    list: ListDirectory,
  ): AsyncGenerator<SourceMatch, void> {
    for await (const { path, entry } of globRemote(this.#channel, pattern, directory, context, list))
      yield { path, stats: entry && listedStats(entry.stats) };
  }

  read(path: string, options: ReadOptions, context: CallContext): AsyncGenerator<Chunk, void> {
    return readRemote(this.#channel, path, options, context);
  }

  readShort(path: string, size: number, _: boolean, context: CallContext): Promise<Uint8Array | undefined> {
    return readShort(this.#channel, path, size, context);
  }

  async readlink(path: string, context: CallContext): Promise<string> {
    const { name } = await call(this.#channel, { type: "readlink", path: toBytes(path) }, "name", context);
    return decodePath(name.filename);
  }
}

/** Maximum time in milliseconds to wait, even after an abort, until no file is left under another name. */
const CLEANING_TIME = 2000;

/** Writes files of the server for an upload. */
export class RemoteTarget implements TargetTree {
  readonly remote: RemoteDigests;
  readonly partials: RemotePartials;
  readonly removesDirectories = true;
  readonly #channel: SftpChannel;

  /** `opener` runs the commands that digest files. */
  constructor(channel: SftpChannel, opener?: ChannelOpener) {
    this.#channel = channel;
    this.remote = new RemoteDigests(channel, opener);
    this.partials = new RemotePartials(channel);
  }

  get mostFiles(): number {
    return filesFor(this.#channel.machine.serverLimits.maxOpenHandles);
  }

  join(directory: string, name: string): string {
    return join(directory, name);
  }

  split(path: string): { readonly directory: string; readonly name: string } {
    return { directory: dirname(path), name: basename(path) };
  }

  nameProblem(name: string): string | undefined {
    return nameProblem(name, "posix");
  }

  lstat(path: string, context: CallContext): Promise<LocalStats> {
    return stat(this.#channel, "lstat", path, context);
  }

  list(path: string, context: CallContext): AsyncGenerator<TargetEntry, void> {
    return list(this.#channel, path, context);
  }

  async makeDirectory(path: string, { mode, follow }: NewDirectory, context: CallContext): Promise<boolean> {
    const attributes = mode === undefined ? {} : { permissions: mode };
    try {
      await this.#send({ type: "mkdir", path: toBytes(path), attributes }, context);
      return true;
    } catch (error) {
      // SFTP has no status for an existing directory.
      if (!(error instanceof SftpError)) throw error;
      const found = await stat(this.#channel, follow ? "stat" : "lstat", path, context).catch(
        async (cause: unknown) => {
          throw cause instanceof SftpError ? await this.#explained(error, path, context) : cause;
        },
      );
      if (found.type === "directory") return false;
      const what = found.type === "link" ? "is a symbolic link" : "exists and is not a directory";
      const message = `"${escapeText(path)}" on the server ${what}; remove it first`;
      throw new SshError("sftp-failure", message, { cause: error });
    }
  }

  async write(
    path: string,
    data: Uint8Array | AsyncIterable<Chunk>,
    { mode, exact, flush, onUnsupported }: NewAttributes,
    context: CallContext,
  ): Promise<void> {
    const created = mode === undefined ? {} : { permissions: mode };
    const write = { flags: "wx", created, final: exact && attributesOf(exact), onUnsupported, flush } as const;
    const bytes = data instanceof Uint8Array ? data : joined(data);
    await this.#replace(path, context, (temporary) => writeOpened(this.#channel, temporary, bytes, write, context));
  }

  async symlink(target: string, path: string, context: CallContext): Promise<void> {
    await this.#replace(path, context, (temporary) =>
      this.#send({ type: "symlink", targetPath: toBytes(target), linkPath: toBytes(temporary) }, context),
    );
  }

  async setAttributes(
    path: string,
    { exact, onUnsupported }: Pick<NewAttributes, "exact" | "onUnsupported">,
    context: CallContext,
  ): Promise<void> {
    if (exact === undefined) return;
    try {
      await this.#send({ type: "setstat", path: toBytes(path), attributes: attributesOf(exact) }, context);
    } catch (error) {
      if (!(error instanceof SftpError && error.status === SSH_FX.OP_UNSUPPORTED)) throw error;
      onUnsupported(error);
    }
  }

  /** Makes a file under a temporary name in the same directory, and renames it. */
  async #replace(path: string, context: CallContext, make: (temporary: string) => Promise<void>): Promise<void> {
    // rule: transfer-remote-temporary
    const temporary = join(dirname(path), temporaryName(basename(path)));
    try {
      await make(temporary);
      await this.#rename(temporary, path, context);
    } catch (error) {
      await this.discard(temporary);
      throw await this.#explained(error, path, context);
    }
  }

  async rename(from: string, to: string, context: CallContext): Promise<void> {
    try {
      await this.#rename(from, to, context);
    } catch (error) {
      throw await this.#explained(error, to, context);
    }
  }

  async #rename(from: string, to: string, context: CallContext): Promise<void> {
    try {
      await renameFile(this.#channel, from, to, context);
    } catch (error) {
      if (!(error instanceof SftpError) || this.#channel.machine.supports(SFTP_EXTENSIONS.posixRename)) throw error;
      const type = await this.#typeOf(to, context);
      if (type === undefined) throw renameRefused(error, to);
      // The caller explains it. A rename would set it aside, too.
      if (type === "directory") throw error;
      // An abort must not leave the path without a file.
      const replaced = this.#replaceAside(from, to, { ...context, signal: undefined });
      try {
        await unlessAborted(replaced, context.signal, () => abortError(context));
      } finally {
        await settled(replaced);
      }
    }
  }

  /** Replaces a file on a server that renames to new names only. The old file has another name until the new one is in place. */
  async #replaceAside(from: string, to: string, context: CallContext): Promise<void> {
    const aside = join(dirname(to), temporaryName(basename(to)));
    const fail = (error: unknown): never => {
      throw error instanceof SshError ? leftAside(error, to, aside) : error;
    };
    const rename = (oldPath: string, newPath: string): Promise<void> =>
      renameFile(this.#channel, oldPath, newPath, context);
    await rename(to, aside).catch((error: unknown) => {
      if (error instanceof SftpError) throw renameRefused(error, to);
      fail(error);
    });
    try {
      await rename(from, to);
    } catch (error) {
      await rename(aside, to).catch(fail);
      throw error;
    }
    await this.remove(aside, "file", context).catch(fail);
  }

  /** Resolves with the error to report for a path. Servers do not say that a directory is there, or is missing, so this looks. */
  async #explained(error: unknown, path: string, context: CallContext): Promise<unknown> {
    if (!(error instanceof SftpError)) return error;
    if (error.status === SSH_FX.NO_SUCH_FILE) {
      const directory = dirname(path);
      if ((await this.#typeOf(directory, context)) !== undefined) return error;
      const remedy = `make its directory "${directory}" first`;
      return new SftpError(error.status, error.serverMessage, { ...context, remedy });
    }
    if ((await this.#typeOf(path, context)) !== "directory") return error;
    const message = `"${escapeText(path)}" on the server is a directory, and a file cannot replace it; name a file in it`;
    return new SshError("sftp-failure", message, { cause: error });
  }

  /** Resolves with the type of a file; `undefined` if the server refuses to tell. */
  async #typeOf(path: string, context: CallContext): Promise<LocalFileType | undefined> {
    try {
      return (await this.lstat(path, context)).type;
    } catch (error) {
      if (!(error instanceof SftpError)) throw error;
      return undefined;
    }
  }

  async remove(path: string, type: "file" | "directory", context: CallContext): Promise<void> {
    await this.#send({ type: type === "file" ? "remove" : "rmdir", path: toBytes(path) }, context);
  }

  /** Removes a file, also after the transfer was aborted. The first error is the one to report. */
  async discard(path: string): Promise<void> {
    await settled(this.remove(path, "file", { call: "remove", path }));
  }

  async #send(request: SftpClientRequest, context: CallContext): Promise<void> {
    await call(this.#channel, request, "status", context);
  }
}

/** Resolves when the work has ended, or after `CLEANING_TIME`. Never rejects. */
async function settled(work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLEANING_TIME);
  });
  await Promise.race([work.catch(() => {}), tooLate]);
  clearTimeout(timer);
}

/** Returns the error of a rename that the server refuses although nothing is in its way. */
function renameRefused(cause: SftpError, path: string): SshError {
  const remedy = "allow them there, or write the file in place, with `writeFile` or scp";
  const message = `"${escapeText(path)}" was not written: the server refuses renames in its directory; ${remedy} (${cause.message})`;
  return new SshError(cause.code, message, { cause });
}

/** Returns the error of a replacement that ended when the old file may have had another name. */
function leftAside(cause: SshError, path: string, aside: string): SshError {
  const [name, other] = [escapeText(path), escapeText(aside)];
  const remedy = `rename it back if "${name}" is missing, otherwise remove it`;
  const message = `the old "${name}" on the server may now be "${other}"; ${remedy} (${cause.message})`;
  return new SshError(cause.code, message, { cause });
}

async function stat(
  channel: SftpChannel,
  type: "stat" | "lstat",
  path: string,
  context: CallContext,
): Promise<LocalStats> {
  const { attributes } = await call(channel, { type, path: toBytes(path) }, "attributes", context);
  return statsOf(new Stats(attributes, Number));
}

async function* list(channel: SftpChannel, path: string, context: CallContext): AsyncGenerator<TargetEntry, void> {
  for await (const { name, stats, links } of await openDirectory(channel, path, context)) {
    const found = listedStats(stats) ?? (await stat(channel, "lstat", join(path, name), context));
    yield { ...found, name, links };
  }
}

/** Returns the attributes of a listed entry; `undefined` without a type: some servers list names only. */
function listedStats(stats: Stats): LocalStats | undefined {
  return stats.mode === 0 ? undefined : statsOf(stats);
}
