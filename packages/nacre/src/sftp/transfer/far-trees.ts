import { type Attributes, decodePath, SFTP_EXTENSIONS, type SftpClientRequest, SftpError } from "@nacre/sftp";
import { escapeText, SshError } from "@nacre/wire";
import { type CallContext, call } from "../call.ts";
import { readChunks } from "../chunks.ts";
import { openDirectory } from "../directory.ts";
import { readShort } from "../read-short.ts";
import { basename, dirname, join, toBytes } from "../remote-path.ts";
import type { SftpChannel } from "../sftp-channel.ts";
import { Stats } from "../stats.ts";
import { openFile, renameFile, writeOpened } from "../write-file.ts";
import { temporaryName } from "./names.ts";
import type { NearAttributes, NearEntry, NearStats } from "./near-files.ts";
import { filesFor } from "./slots.ts";
import type { NewAttributes, NewDirectory, SourceTree, TargetTree } from "./trees.ts";

/** Reads files of the server for a download. */
export class FarSource implements SourceTree {
  readonly #channel: SftpChannel;

  constructor(channel: SftpChannel) {
    this.#channel = channel;
  }

  get mostFiles(): number {
    return filesFor(this.#channel.machine.serverLimits.maxOpenHandles);
  }

  join(directory: string, name: string): string {
    return join(directory, name);
  }

  stat(path: string, context: CallContext): Promise<NearStats> {
    return stat(this.#channel, "stat", path, context);
  }

  async realpath(path: string, context: CallContext): Promise<string> {
    const { name } = await call(this.#channel, { type: "realpath", path: toBytes(path) }, "name", context);
    return decodePath(name.filename);
  }

  async *list(path: string, context: CallContext): AsyncGenerator<NearEntry, void> {
    for await (const { name, stats } of await openDirectory(this.#channel, path, context)) {
      // Servers may leave out attributes.
      const found = stats.mode === 0 ? await stat(this.#channel, "lstat", join(path, name), context) : statsOf(stats);
      yield { ...found, name };
    }
  }

  async *read(path: string, size: number, _: boolean, context: CallContext): AsyncGenerator<Uint8Array, void> {
    const file = await openFile(this.#channel, path, "r", {}, context);
    try {
      yield* readChunks(this.#channel, file, { size }, context);
    } finally {
      this.#channel.release(file.handle);
    }
  }

  readShort(path: string, size: number, _: boolean, context: CallContext): Promise<Uint8Array | undefined> {
    return readShort(this.#channel, path, size, context);
  }

  async readlink(path: string, context: CallContext): Promise<string> {
    const { name } = await call(this.#channel, { type: "readlink", path: toBytes(path) }, "name", context);
    return decodePath(name.filename);
  }
}

/** Time in milliseconds for which the answer to the removal of a temporary file is awaited. */
const REMOVAL_TIME = 2000;

/** Writes files of the server for an upload. */
export class FarTarget implements TargetTree {
  readonly #channel: SftpChannel;

  constructor(channel: SftpChannel) {
    this.#channel = channel;
  }

  get mostFiles(): number {
    return filesFor(this.#channel.machine.serverLimits.maxOpenHandles);
  }

  join(directory: string, name: string): string {
    return join(directory, name);
  }

  nameProblem(): undefined {
    return undefined;
  }

  async makeDirectory(path: string, { mode, isRoot }: NewDirectory, context: CallContext): Promise<void> {
    const attributes = mode === undefined ? {} : { permissions: mode };
    try {
      await this.#send({ type: "mkdir", path: toBytes(path), attributes }, context);
    } catch (error) {
      // Servers have no status of their own for an existing directory.
      if (!(error instanceof SftpError)) throw error;
      const found = await stat(this.#channel, isRoot ? "stat" : "lstat", path, context).catch(() => undefined);
      if (found === undefined) throw error;
      if (found.type === "directory") return;
      const message = `"${escapeText(path)}" exists on the server and is not a directory; remove it first`;
      throw new SshError("sftp-failure", message, { cause: error });
    }
  }

  async write(
    path: string,
    data: Uint8Array | AsyncIterable<Uint8Array>,
    { mode, exact }: NewAttributes,
    context: CallContext,
  ): Promise<void> {
    const write = {
      flags: "wx",
      created: mode === undefined ? {} : { permissions: mode },
      final: exact && attributesOf(exact),
      flush: false,
    } as const;
    await this.#replace(path, context, (temporary) => writeOpened(this.#channel, temporary, data, write, context));
  }

  async symlink(target: string, path: string, context: CallContext): Promise<void> {
    await this.#replace(path, context, (temporary) =>
      this.#send({ type: "symlink", targetPath: toBytes(target), linkPath: toBytes(temporary) }, context),
    );
  }

  async setAttributes(path: string, attributes: NearAttributes, context: CallContext): Promise<void> {
    await this.#send({ type: "setstat", path: toBytes(path), attributes: attributesOf(attributes) }, context);
  }

  /** Makes a file under a temporary name in the same directory, and renames it. */
  async #replace(path: string, context: CallContext, make: (temporary: string) => Promise<void>): Promise<void> {
    // rule: transfer-far-temporary
    const temporary = join(dirname(path), temporaryName(basename(path)));
    try {
      await make(temporary);
      await this.#rename(temporary, path, context);
    } catch (error) {
      await this.#remove(temporary);
      throw error;
    }
  }

  async #rename(from: string, to: string, context: CallContext): Promise<void> {
    try {
      await renameFile(this.#channel, from, to, context);
    } catch (error) {
      if (!(error instanceof SftpError) || this.#channel.machine.supports(SFTP_EXTENSIONS.posixRename)) throw error;
      // Such a server renames only to a new name. A directory stays: "remove" does not remove it.
      await this.#send({ type: "remove", path: toBytes(to) }, context);
      await renameFile(this.#channel, from, to, context);
    }
  }

  /** Removes a temporary file. Waits a short time for the answer, even of an aborted transfer. */
  async #remove(path: string): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tooLate = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, REMOVAL_TIME);
    });
    const removed = this.#send({ type: "remove", path: toBytes(path) }, { call: "upload", path });
    // The first error is the one to report.
    await Promise.race([removed.catch(() => {}), tooLate]);
    clearTimeout(timer);
  }

  async #send(request: SftpClientRequest, context: CallContext): Promise<void> {
    await call(this.#channel, request, "status", context);
  }
}

async function stat(
  channel: SftpChannel,
  type: "stat" | "lstat",
  path: string,
  context: CallContext,
): Promise<NearStats> {
  const { attributes } = await call(channel, { type, path: toBytes(path) }, "attributes", context);
  return statsOf(new Stats(attributes, Number));
}

function statsOf(stats: Stats): NearStats {
  const { size, mode, atimeMs, mtimeMs } = stats;
  // A server that states no type has regular files at most.
  const isFile = stats.isFile() || mode < 0o10_000;
  const type = stats.isDirectory() ? "directory" : stats.isSymbolicLink() ? "link" : isFile ? "file" : "special";
  return { type, size, mode: mode === 0 ? undefined : mode, atimeMs, mtimeMs };
}

const MAX_UINT32 = 0xffff_ffff;

/** Converts attributes. Times beyond those of SFTP become the nearest one. */
function attributesOf({ mode, times }: NearAttributes): Attributes {
  return {
    ...(mode !== undefined && { permissions: mode }),
    ...(times && { times: { atime: seconds(times.atimeMs), mtime: seconds(times.mtimeMs) } }),
  };
}

function seconds(ms: number): number {
  return Math.min(Math.max(Math.floor(ms / 1000), 0), MAX_UINT32);
}
