import type { SshError } from "@nacre/wire";
import {
  abortedError,
  type Channel,
  checkOptions,
  checkSignal,
  type SessionOpenOptions,
  type StreamKind,
  type StreamTypes,
  unlessAborted,
  withCaller,
} from "nacre/extend";
import { type OpenSftpOptions, SFTP_OPTIONS } from "../channel/options.ts";
import { SftpChannel } from "../channel/sftp-channel.ts";
import { Sftp } from "./sftp.ts";

/** A connection that opens channels: a client of `nacre` or `@nacre/node`. */
export interface ChannelOpener {
  /** Opens a channel of a type. See `openChannel` of the client. */
  openChannel(channelType: string, data: undefined, options: SessionOpenOptions): Promise<Channel>;
  /** Runs a command to its end, for the digests of `verify` and `resume`. Without it, transfers cannot compare contents. */
  exec?(command: string, options: DigestExecOptions): Promise<DigestExecResult>;
}

/** Options of the commands that digest files. */
export interface DigestExecOptions {
  /** Names of the files, each followed by NUL. */
  readonly input: Uint8Array;
  /** Names are bytes. */
  readonly encoding: "bytes";
  /** Maximum length of each output in bytes. */
  readonly maxOutput: number;
  /** Does not wait for a session: SFTP holds one until the transfer has ended. */
  readonly queue: false;
  /** Aborts the command. */
  readonly signal: AbortSignal | undefined;
}

/** Result of a command that digests files. */
export interface DigestExecResult {
  /** Exit status; `undefined` if a signal ended the command. */
  readonly status: number | undefined;
  /** Digests and names. */
  readonly stdout: Uint8Array;
  /** Messages. */
  readonly stderr: Uint8Array;
}

/**
 * Opens SFTP on a connection, with streams of kind `K`. Takes two round trips, and one less on the session channel that was opened with
 * the login. OpenSSH grants a window only once the subsystem has started, which takes one more. Rejects with `channel-request-failed` if
 * the server has no SFTP, `sftp-version`, `channel-open-failed`, `aborted`, or the error that ended the connection. Without a signal,
 * such as `AbortSignal.timeout(10_000)`, it waits for the server as long as the connection lasts.
 */
export async function openSftp<K extends StreamTypes>(
  ssh: ChannelOpener,
  streams: StreamKind<K>,
  options: OpenSftpOptions = {},
): Promise<Sftp<K>> {
  checkOptions(options, SFTP_OPTIONS.sftp, "`sftp`");
  const { signal } = options;
  checkSignal(signal);
  if (signal?.aborted === true) throw abortError(signal);
  const opening = ssh
    .openChannel("session", undefined, { signal, queue: options.queue })
    .then((channel) => new SftpChannel(channel, channel.peerVersion));
  try {
    const channel = await unlessAborted(opening, signal, abortError);
    await unlessAborted(channel.start(), signal, abortError);
    return new Sftp(channel, streams, ssh);
  } catch (error) {
    // Not awaited: a server that does not answer would delay the error.
    opening.then(
      (channel) => channel.close(),
      () => {},
    );
    throw withCaller(error);
  }
}

function abortError(signal: AbortSignal): SshError {
  return abortedError("opening SFTP", signal);
}
