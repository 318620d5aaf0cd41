import { setTimeout as sleep } from "node:timers/promises";
import type { Client, Forward, ForwardOptions, LocalForwardOptions, ProxyOptions } from "@nacre/node";
import { SshError } from "@nacre/wire";
import { formatTarget } from "nacre/extend";
import { LogThrottle } from "../log-throttle.ts";
import { oneLine } from "../one-line.ts";
import type { ForwardArgument } from "./forward-arguments.ts";

/** Methods of `Client` that forwards use. */
type Forwarder = Pick<Client, "forwardLocal" | "forwardDynamic" | "forwardRemote" | "forwardRemoteDynamic">;

/** How forwards report events and errors. */
export interface ForwardReports {
  /** Whether `startForwards` rejects when a forward cannot be set up. */
  readonly exitOnFailure: boolean;
  /** Prints one line for the user. */
  readonly say: (text: string) => void;
  /** Reports an error after which the forwards continue. Errors that repeat are counted, and their number passed to `say`. */
  readonly warn: (error: SshError) => void;
}

/** Options of `startForwards`. */
export interface ForwardSetup extends ForwardReports {
  /** Targets that clients of a proxy on the server may connect to, as PermitRemoteOpen writes them; default every one. */
  readonly permitRemoteOpen?: readonly string[] | undefined;
  /** Whether a Unix socket on this machine that exists is replaced. */
  readonly streamLocalBindUnlink?: boolean | undefined;
  /** Aborting closes the forwards, including those still being set up, without reporting errors. */
  readonly signal: AbortSignal;
}

/** A forward that was set up. */
export interface OpenForward {
  readonly argument: ForwardArgument;
  readonly forward: Forward;
}

/**
 * Sets up forwards concurrently and resolves with those that succeed. Failures are reported with `warn`; with `exitOnFailure` this rejects
 * with the error of the first failed forward.
 */
export async function startForwards(
  client: Forwarder,
  forwards: readonly ForwardArgument[],
  { exitOnFailure, permitRemoteOpen, streamLocalBindUnlink, say, warn, signal }: ForwardSetup,
): Promise<OpenForward[]> {
  const errors = new LogThrottle<SshError>({
    write: warn,
    textOf: ({ message }) => message,
    repeated: (count, text) => say(`${count} more times: ${oneLine(text)}`),
    suppressed: (count) => say(`${count} more errors of various kinds`),
  });
  signal.addEventListener("abort", () => errors.flush());
  const options = { onError: (error: SshError) => errors.log(error), signal };
  const local = { ...options, streamLocalBindUnlink };
  const permit = permitRemoteOpen && permits(permitRemoteOpen);
  const all = { remote: options, remoteProxy: { ...options, permit }, local };
  const results = await Promise.allSettled(forwards.map((forward) => start(client, forward, all)));
  const started: OpenForward[] = [];
  for (const [index, result] of results.entries()) {
    const argument = forwards[index]!;
    const { option, listen, target } = argument;
    if (result.status === "fulfilled") {
      started.push({ argument, forward: result.value });
      if (option === "-R" && listen.port === 0)
        say(
          `Allocated port ${result.value.port} for remote forward to ${target === undefined ? "socks:0" : formatTarget(target)}`,
        );
    } else if (signal.aborted) continue;
    else if (exitOnFailure || !(result.reason instanceof SshError)) throw result.reason;
    else warn(result.reason);
  }
  return started;
}

function start(
  client: Forwarder,
  { option, listen, target }: ForwardArgument,
  options: {
    readonly remote: ForwardOptions;
    readonly remoteProxy: ForwardOptions & ProxyOptions;
    readonly local: LocalForwardOptions;
  },
): Promise<Forward> {
  if (option === "-R")
    return target === undefined
      ? client.forwardRemoteDynamic(listen, options.remoteProxy)
      : client.forwardRemote(listen, target, options.remote);
  return target === undefined
    ? client.forwardDynamic(listen, options.local)
    : client.forwardLocal(listen, target, options.local);
}

/** Returns whether a list of PermitRemoteOpen contains a target. As with ssh(1), names are compared as they are written. */
function permits(list: readonly string[]): NonNullable<ProxyOptions["permit"]> {
  return ({ host, port }) =>
    list.some((text) => {
      if (/^any$/i.test(text)) return true;
      const [, bracketed, plain, allowed] = /^(?:\[(.*)\]|([^:]*)):(.+)$/.exec(text) ?? [];
      const name = bracketed ?? plain;
      // `none` has no port.
      return (name === "*" || name === host) && (allowed === "*" || allowed === String(port));
    });
}

/** Interval at which `untilForwardsIdle` checks for open connections, in milliseconds. */
const CHECK_INTERVAL = 100;

/** Resolves when no forward has an open connection. ssh(1) also waits for this before it exits. */
export async function untilForwardsIdle(
  forwards: readonly { readonly forward: Pick<Forward, "connections"> }[],
): Promise<void> {
  while (forwards.some(({ forward }) => forward.connections > 0)) await sleep(CHECK_INTERVAL);
}
