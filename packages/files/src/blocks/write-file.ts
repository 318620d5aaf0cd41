import { type Attributes, SFTP_EXTENSIONS, type SftpClientRequest, SftpError, SSH_FX } from "@nacre/sftp";
import { SshError } from "@nacre/wire";
import { isBytes, platformRandom } from "nacre/extend";
import { modeAttributes } from "../channel/attributes.ts";
import { type CallContext, call, hasStatus } from "../channel/call.ts";
import { closeFile, isAppend, type OpenFlags, openFile, renameFile, setAttributes } from "../channel/open-file.ts";
import type { WriteFileOptions } from "../channel/options.ts";
import { dirname, join, toBytes } from "../channel/remote-path.ts";
import type { OpenFile, SftpChannel } from "../channel/sftp-channel.ts";
import { type FileData, type WritePlace, writeAll } from "./write-all.ts";

/** How to write a file. */
export interface Write {
  readonly flags: OpenFlags;
  /** Attributes of a new file. */
  readonly created: Attributes;
  /** Attributes to set when the file is written. */
  readonly final?: Attributes | undefined;
  /** Called if the server supports no way to set them; see `setAttributes`. */
  readonly onUnsupported?: ((error: SftpError) => void) | undefined;
  /** Whether to store the file durably before it is closed. */
  readonly flush: boolean;
}

/** Writes a file. See `Sftp.writeFile`. */
export async function writeFile(
  channel: SftpChannel,
  path: string,
  data: FileData,
  options: WriteFileOptions,
  context: CallContext,
): Promise<void> {
  const { flag: flags = "w", mode, flush = false, atomic = false } = options;
  const write = (): Promise<void> =>
    atomic
      ? replaceFile(channel, path, data, mode, context)
      : writeOpened(channel, path, data, { flags, created: modeAttributes(mode), flush }, context);
  // An iterable may itself call SFTP.
  await (typeof data === "string" || isBytes(data) ? channel.opens.run(context, write) : write());
}

/** Opens, writes and closes a file. See `writeAndClose`. */
export async function writeOpened(
  channel: SftpChannel,
  path: string,
  data: FileData,
  { flags, created, final, onUnsupported, flush }: Write,
  context: CallContext,
): Promise<void> {
  const file = await openFile(channel, path, flags, created, context);
  await writeAndClose(channel, file, data, { isAppend: isAppend(flags), final, onUnsupported, flush }, context);
}

/** How to write an open file. */
export interface WriteEnd extends WritePlace {
  /** Attributes to set when the file is written. */
  readonly final?: Attributes | undefined;
  /** Called if the server supports no way to set them; see `setAttributes`. */
  readonly onUnsupported?: ((error: SftpError) => void) | undefined;
  /** Whether to store the file durably before it is closed. */
  readonly flush: boolean;
}

/**
 * Writes and closes an open file. The requests after the last write follow it without waiting if the server is known to carry out the
 * requests for one file in order. Elsewhere each waits for the answer to those before it.
 */
export async function writeAndClose(
  channel: SftpChannel,
  file: OpenFile,
  data: FileData,
  { final, onUnsupported, flush, ...place }: WriteEnd,
  context: CallContext,
): Promise<void> {
  const { handle } = file;
  const isOrdered = channel.machine.isKnownToKeepOrder;
  let closing: Promise<unknown> | undefined;
  const send = (request: SftpClientRequest): Promise<unknown> => call(channel, request, "status", context);
  const close = (): void => {
    closing = Promise.all([
      final && setAttributes(channel, file, final, context, onUnsupported),
      flush && send({ type: "fsync", handle }),
      closeFile(channel, file, context),
    ]);
    // Handled below, unless a write fails before.
    closing.catch(() => {});
  };
  try {
    if (isBytes(data) && place.isAppend !== true && data.length <= channel.machine.serverLimits.maxWriteLength) {
      // One request has all bytes, so it needs no `BlockWriter`.
      const { position: offset = 0 } = place;
      const writing = data.length > 0 ? send({ type: "write", handle, offset, data }) : undefined;
      if (isOrdered) close();
      await writing;
    } else {
      await writeAll(channel, file, data, place, context, isOrdered ? close : undefined);
    }
    if (!isOrdered) {
      if (final !== undefined) await setAttributes(channel, file, final, context, onUnsupported);
      if (flush) await send({ type: "fsync", handle });
      closing = closeFile(channel, file, context);
    }
  } catch (error) {
    if (closing === undefined) channel.release(handle);
    throw error;
  }
  await closing;
}

/** Writes a new file and renames it, so that `path` has either the old or the new contents. */
async function replaceFile(
  channel: SftpChannel,
  path: string,
  data: FileData,
  mode: number | undefined,
  context: CallContext,
): Promise<void> {
  const created = mode === undefined ? await attributesOf(channel, path, context) : modeAttributes(mode);
  // A random name, and "wx": another user of the directory cannot place a link there first.
  const temporary = join(dirname(path), `.nacre-${randomName()}`);
  const flush = channel.machine.supports(SFTP_EXTENSIONS.fsync);
  const replacesMode = mode === undefined && created.permissions !== undefined;
  try {
    const write = { flags: "wx", created, final: replacesMode ? created : undefined, flush } as const;
    await writeOpened(channel, temporary, data, write, context);
    await replace(channel, temporary, path, context);
  } catch (error) {
    const removed = call(channel, { type: "remove", path: toBytes(temporary) }, "status", { call: "writeFile" });
    // The first error is the one to report. A call that was aborted does not wait.
    const ignored = removed.catch(() => {});
    if (context.signal?.aborted !== true) await ignored;
    throw error;
  }
}

/** Returns the permission bits of an existing file. */
async function attributesOf(channel: SftpChannel, path: string, context: CallContext): Promise<Attributes> {
  try {
    const { attributes } = await call(channel, { type: "stat", path: toBytes(path) }, "attributes", context);
    return attributes.permissions === undefined ? {} : { permissions: attributes.permissions & 0o7777 };
  } catch (error) {
    if (hasStatus(error, SSH_FX.NO_SUCH_FILE)) return {};
    throw error;
  }
}

/** Renames a file over an existing one in one step. */
async function replace(channel: SftpChannel, from: string, to: string, context: CallContext): Promise<void> {
  try {
    await renameFile(channel, from, to, context);
  } catch (error) {
    if (channel.machine.supports(SFTP_EXTENSIONS.posixRename) || !(error instanceof SftpError)) throw error;
    throw new SshError(
      "sftp-unsupported",
      `the server cannot replace a file in one step: it lacks posix-rename@openssh.com; write without \`atomic\` (${error.message})`,
      { cause: error },
    );
  }
}

function randomName(): string {
  return Array.from(platformRandom(12), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
