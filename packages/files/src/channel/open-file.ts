import { type Attributes, SFTP_EXTENSIONS, SftpError, SSH_FX, SSH_FXF } from "@nacre/sftp";
import { unlessAborted, usage } from "nacre/extend";
import { abortError, type CallContext, call, hasStatus } from "./call.ts";
import { toBytes } from "./remote-path.ts";
import type { OpenFile, SftpChannel } from "./sftp-channel.ts";

/** How to open a file, as in Node: `"r"` reads, `"w"` truncates, `"a"` appends, `"+"` does both, `"x"` fails if the file exists. */
export type OpenFlags = "r" | "r+" | "w" | "wx" | "w+" | "wx+" | "a" | "ax" | "a+" | "ax+";

const { READ, WRITE, APPEND, CREAT, TRUNC, EXCL } = SSH_FXF;

const FLAGS: Readonly<Record<OpenFlags, number>> = {
  r: READ,
  "r+": READ | WRITE,
  w: WRITE | CREAT | TRUNC,
  wx: WRITE | CREAT | TRUNC | EXCL,
  "w+": READ | WRITE | CREAT | TRUNC,
  "wx+": READ | WRITE | CREAT | TRUNC | EXCL,
  a: WRITE | CREAT | APPEND,
  ax: WRITE | CREAT | APPEND | EXCL,
  "a+": READ | WRITE | CREAT | APPEND,
  "ax+": READ | WRITE | CREAT | APPEND | EXCL,
};

/** Returns flags of SSH_FXP_OPEN. Throws `usage` for unknown flags. */
export function encodeFlags(flags: OpenFlags): number {
  if (typeof flags === "string" && Object.hasOwn(FLAGS, flags)) return FLAGS[flags];
  throw usage(`\`flags\` must be one of ${Object.keys(FLAGS).join(", ")}`);
}

/** Returns whether the server puts each write at the end of the file. */
export function isAppend(flags: OpenFlags): boolean {
  return flags.startsWith("a");
}

/** Opens a file. Rejects with `aborted`, or the server's error. */
export async function openFile(
  channel: SftpChannel,
  path: string,
  flags: OpenFlags,
  attributes: Attributes,
  context: CallContext,
): Promise<OpenFile> {
  const request = { type: "open", path: toBytes(path), flags: encodeFlags(flags), attributes } as const;
  const { handle } = await call(channel, request, "handle", context);
  return { handle, path };
}

/**
 * Closes a file. Rejects with `aborted`, the server's error, which may mean that written data is lost, or the error that ended SFTP.
 * CLOSE is sent in any case, also if the signal of the call has aborted.
 */
export async function closeFile(channel: SftpChannel, { handle }: OpenFile, context: CallContext): Promise<void> {
  const closing = call(channel, { type: "close", handle }, "status", { ...context, signal: undefined });
  await unlessAborted(closing, context.signal, () => abortError(context));
}

/**
 * Sets attributes of an open file. A server that lacks FSETSTAT, as Twisted's does, sets those of the file that has the path now. If
 * the server refuses that, too, calls `onUnsupported`, or without it rejects. Rejects with `aborted`, or the server's error.
 */
export async function setAttributes(
  channel: SftpChannel,
  { handle, path }: OpenFile,
  attributes: Attributes,
  context: CallContext,
  onUnsupported?: (error: SftpError) => void,
): Promise<void> {
  try {
    await call(channel, { type: "fsetstat", handle, attributes }, "status", context);
  } catch (error) {
    if (!hasStatus(error, SSH_FX.OP_UNSUPPORTED)) throw error;
    const setting = call(channel, { type: "setstat", path: toBytes(path), attributes }, "status", context);
    await setting.catch((refused: unknown) => {
      if (onUnsupported === undefined || !(refused instanceof SftpError)) throw refused;
      onUnsupported(refused);
    });
  }
}

/** Renames a file. Replaces an existing one in one step if the server has posix-rename@openssh.com. */
export async function renameFile(channel: SftpChannel, from: string, to: string, context: CallContext): Promise<void> {
  const type = channel.machine.supports(SFTP_EXTENSIONS.posixRename) ? "posix-rename" : "rename";
  await call(channel, { type, oldPath: toBytes(from), newPath: toBytes(to) }, "status", context);
}
