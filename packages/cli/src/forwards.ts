import { setTimeout as sleep } from "node:timers/promises";
import type { Client, Forward, ForwardOptions } from "@nacre/node";
import { SshError } from "@nacre/wire";
import { formatTarget } from "nacre/internal";
import type { ForwardArgument } from "./forward-arguments.ts";

/** What forwards need of a client. */
type Forwarder = Pick<Client, "forwardLocal" | "forwardDynamic" | "forwardRemote" | "forwardRemoteDynamic">;

/** How forwards tell what happens. */
export interface ForwardReports {
  /** Whether a forward that cannot be set up is an error. */
  readonly exitOnFailure: boolean;
  /** Shows one line to the user. */
  readonly say: (text: string) => void;
  /** Shows an error that ends nothing. */
  readonly warn: (error: SshError) => void;
}

/** How forwards are set up. */
export interface ForwardSetup extends ForwardReports {
  /** Aborting closes the forwards, also those still being set up, and reports none of them. */
  readonly signal: AbortSignal;
}

/**
 * Sets up forwards, all at once. One that fails is reported, and the others stand; with `exitOnFailure` this rejects with the error of the
 * first that fails.
 */
export async function startForwards(
  client: Forwarder,
  forwards: readonly ForwardArgument[],
  { exitOnFailure, say, warn, signal }: ForwardSetup,
): Promise<readonly Forward[]> {
  const options = { onError: warn, signal };
  const results = await Promise.allSettled(forwards.map((forward) => start(client, forward, options)));
  const started: Forward[] = [];
  for (const [index, result] of results.entries()) {
    const { option, listen, target } = forwards[index]!;
    if (result.status === "fulfilled") {
      started.push(result.value);
      if (option === "-R" && listen.port === 0)
        say(
          `Allocated port ${result.value.port} for ${target === undefined ? "dynamic remote forward" : `remote forward to ${formatTarget(target)}`}`,
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
  options: ForwardOptions,
): Promise<Forward> {
  if (option === "-R")
    return target === undefined
      ? client.forwardRemoteDynamic(listen, options)
      : client.forwardRemote(listen, target, options);
  return target === undefined ? client.forwardDynamic(listen, options) : client.forwardLocal(listen, target, options);
}

/** How often it is looked whether forwarded connections have ended: milliseconds. */
const LOOK_INTERVAL = 100;

/** Resolves when no forward has a connection any more: until then `ssh` does not exit, either. */
export async function forwardsAtRest(forwards: readonly Pick<Forward, "connections">[]): Promise<void> {
  while (forwards.some(({ connections }) => connections > 0)) await sleep(LOOK_INTERVAL);
}
