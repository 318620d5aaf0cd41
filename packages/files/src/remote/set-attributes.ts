import { type Attributes, SftpError, SSH_FX } from "@nacre/sftp";
import { type CallContext, call, hasStatus } from "./call.ts";
import { toBytes } from "./remote-path.ts";
import type { OpenFile, SftpChannel } from "./sftp-channel.ts";

/**
 * Sets attributes of an open file. A server that lacks FSETSTAT, as Twisted's does, sets those of the file that has the path now. If it
 * refuses that, too, calls `onUnsupported`. Rejects with `aborted`, or, without `onUnsupported` also then, with the server's error.
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
    const settings = call(channel, { type: "setstat", path: toBytes(path), attributes }, "status", context);
    await settings.catch((refused: unknown) => {
      if (onUnsupported === undefined || !(refused instanceof SftpError)) throw refused;
      onUnsupported(refused);
    });
  }
}
