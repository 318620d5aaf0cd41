import { unlessAborted } from "nacre/extend";
import { abortError, type CallContext, call } from "./call.ts";
import type { OpenFile, SftpChannel } from "./sftp-channel.ts";

/**
 * Closes a file. Rejects with `aborted`, the server's error, which may mean that written data is lost, or the error that ended SFTP. CLOSE is
 * sent in any case, also if the signal of the call has aborted.
 */
export async function closeFile(channel: SftpChannel, { handle }: OpenFile, context: CallContext): Promise<void> {
  const closing = call(channel, { type: "close", handle }, "status", { ...context, signal: undefined });
  await unlessAborted(closing, context.signal, () => abortError(context));
}
