import { escapeText, SshError, type SshErrorCode } from "@nacre/wire";
import { checkSignal } from "../../check.ts";
import type { Channel } from "../../mux/channel.ts";
import { type Opener, reasonName } from "../../mux/open-channel.ts";
import { abortedError, onAbort } from "../../on-abort.ts";
import { checkOptions, type OptionRows } from "../../options/schema.ts";
import { encodeTarget, type ForwardTarget, formatTarget, type Originator } from "./target.ts";

/** Options for opening a connection from the server. */
export interface DialOptions {
  /** Aborts opening. A connection that the server still opens is closed immediately. No effect once open. */
  readonly signal?: AbortSignal | undefined;
  /** Origin of the connection, for the server's log; default 127.0.0.1 port 0. */
  readonly originator?: Originator | undefined;
}

const DIAL_OPTIONS: OptionRows<DialOptions> = { signal: { check: checkSignal }, originator: true };

/** Receives the outcome of `openDialled`: one call. */
export interface DialHandler {
  /** Called with the open channel. */
  readonly opened: (channel: Channel) => void;
  /** Called if the server refuses, or the connection ends first. */
  readonly failed: (error: SshError) => void;
}

/**
 * Makes the server connect to `target`, with callbacks. Fails and throws with the errors of `dialOver`. Returns what `Opener.open` does.
 */
export function openDialled(
  mux: Opener,
  target: ForwardTarget,
  originator: Originator | undefined,
  { opened, failed }: DialHandler,
): ReturnType<Opener["open"]> {
  const { channelType, data } = encodeTarget(target, originator);
  return mux.open(channelType, data, {
    opened,
    refused: (reasonCode, description) => failed(refusalError(target, reasonCode, description)),
    lost: failed,
  });
}

/** Makes the server connect to `target`, and returns the channel (RFC 4254 §7.2). Rejects as `dial` does. */
export function dialOver(mux: Opener, target: ForwardTarget, options: DialOptions = {}): Promise<Channel> {
  return new Promise((resolve, reject) => {
    checkOptions(options, DIAL_OPTIONS, "`dial`");
    const { signal, originator } = options;
    if (signal?.aborted) throw abortError(target, signal);
    let unwatch: (() => void) | undefined;
    const forget = openDialled(mux, target, originator, {
      opened: (channel) => {
        unwatch?.();
        if (signal?.aborted) channel.close();
        else resolve(channel);
      },
      failed: (error) => {
        unwatch?.();
        reject(error);
      },
    });
    if (signal === undefined) return;
    unwatch = onAbort(signal, () => {
      forget?.();
      reject(abortError(target, signal));
    });
  });
}

/** Error codes and messages by the name of the reason code (RFC 4254 §5.1). */
const REFUSALS: Readonly<Record<string, readonly [code: SshErrorCode, text: string]>> = {
  ADMINISTRATIVELY_PROHIBITED: [
    "forward-denied",
    "the server prohibits it (AllowTcpForwarding, AllowStreamLocalForwarding, PermitOpen, permitopen=)",
  ],
  CONNECT_FAILED: ["forward-unreachable", "the server cannot connect to it"],
  UNKNOWN_CHANNEL_TYPE: ["forward-unsupported", "the server does not support this kind of forwarding"],
  RESOURCE_SHORTAGE: ["forward-limit", "the server is short of resources"],
};

function refusalError(target: ForwardTarget, reasonCode: number, description: string): SshError {
  const reason = reasonName(reasonCode);
  const [code, text] = REFUSALS[reason] ?? ["channel-open-failed", `the server refused it (${reason})`];
  const said = description === "" ? "" : `: ${escapeText(description)}`;
  return new SshError(code, `cannot connect to ${escapeText(formatTarget(target))}: ${text}${said}`);
}

function abortError(target: ForwardTarget, signal: AbortSignal): SshError {
  return abortedError(`connecting to ${escapeText(formatTarget(target))}`, signal);
}
