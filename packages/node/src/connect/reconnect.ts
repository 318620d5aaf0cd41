import { SshError } from "@nacre/wire";
import type { LoggedIn, PresentedHostKey, ReconnectOptions } from "nacre/extend";
import { isReconnecting, lossOf, reconnecting } from "nacre/internal-on-demand";
import type { HopOptions } from "./options.ts";
import type { Login, Route } from "./route.ts";

/** Milliseconds of silence after which a server is probed. A dead one is found after four times as long. */
const KEEPALIVE_INTERVAL = 15_000;

/** Connects along a route, and again whenever the connection is lost. `connectAlong` connects once. */
export async function connectReconnecting(
  given: Route,
  options: ReconnectOptions,
  connectAlong: (route: Route, login: Login) => Promise<LoggedIn>,
): Promise<LoggedIn> {
  if (given.start !== undefined && !isReconnecting(given.start))
    throw new SshError("usage", "the client in `via` must have `reconnect`, too: without it, it cannot connect again");
  const keys = new AcceptedKeys();
  const route = (change: (hop: HopOptions) => HopOptions): Route => ({
    ...given,
    hops: given.hops.map((hop) => change(withKeepalive(hop))),
    destination: change(withKeepalive(given.destination)),
  });
  const first = await connectAlong(
    route((hop) => keys.asking(hop)),
    { lossOf },
  );
  const connectAgain = (signal: AbortSignal): Promise<LoggedIn> =>
    connectAlong(
      // The signals of the options may have aborted while there was a connection.
      route((hop) => ({ ...keys.askingNobody(hop), signal })),
      { lossOf },
    );
  return reconnecting(first, connectAgain, options, given.destination);
}

function withKeepalive(hop: HopOptions): HopOptions {
  const { limits } = hop;
  return { ...hop, limits: { ...limits, keepaliveInterval: limits?.keepaliveInterval ?? KEEPALIVE_INTERVAL } };
}

/** Keys of unknown hosts that were accepted for the first connection. They may not be in known_hosts, which may be read-only. */
class AcceptedKeys {
  readonly #accepted = new Set<string>();

  /** Returns options that ask about unknown hosts as `hop` does. */
  asking(hop: HopOptions): HopOptions {
    const ask = acceptsNew(hop) ? () => true : hop.unknownHost;
    if (ask === undefined) return hop;
    return withUnknownHost(hop, async (hostKey) => {
      const isAccepted = await ask(hostKey);
      if (isAccepted) this.#accepted.add(nameOf(hostKey));
      return isAccepted;
    });
  }

  /** Returns options that accept a key which is not in known_hosts only if it was accepted before. */
  askingNobody(hop: HopOptions): HopOptions {
    // rule: reconnect-unknown-host
    return withUnknownHost(hop, (hostKey) => this.#accepted.has(nameOf(hostKey)));
  }
}

const nameOf = ({ host, port, fingerprint }: PresentedHostKey): string => `${fingerprint} ${port} ${host}`;

/** Returns options with known_hosts, if they use it, that decide about unknown hosts with `unknownHost`. */
function withUnknownHost(hop: HopOptions, unknownHost: NonNullable<HopOptions["unknownHost"]>): HopOptions {
  return { ...hop, unknownHost, ...(acceptsNew(hop) && { hostKey: undefined }) };
}

/** Returns whether unknown hosts are accepted. With `reconnect`, a changed key is refused at any time. */
function acceptsNew({ hostKey }: HopOptions): boolean {
  return hostKey === "accept-new" || hostKey === "restrict-changed";
}
