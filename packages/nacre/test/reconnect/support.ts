import { sha256Fingerprint } from "@nacre/keys";
import { Network, settle } from "@nacre/testing/nacre/network";
import { visitor } from "@nacre/testing/nacre/wire";
import { algorithms } from "@nacre/testing/protocol/pair";
import type { ServeOptions, Session } from "nacre";
import { onTestFinished, vi } from "vitest";
import { logIn } from "../../src/login/client/log-in.ts";
import type { ClientProvider, ConnectOptions } from "../../src/login/client/options.ts";
import { clientMethods } from "../../src/login/methods/list.ts";
import { lossOf } from "../../src/reconnect/lost.ts";
import type { ReconnectEvent, ReconnectOptions } from "../../src/reconnect/options.ts";
import { reconnecting } from "../../src/reconnect/reconnecting.ts";
import type { LoggedIn } from "../../src/users/client/client.ts";
import { Client } from "../../src/with-defaults.ts";

/** Replaces timers and clocks by virtual ones for this test. */
export function virtualTime(): void {
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance", "Date"],
  });
  onTestFinished(() => void vi.useRealTimers());
}

/** Lets seconds pass. */
export async function pass(seconds: number): Promise<void> {
  await settle();
  for (let i = 0; i < seconds * 4; i++) {
    await vi.advanceTimersByTimeAsync(250);
    await settle(2);
  }
  await settle();
}

export interface Connected {
  readonly client: Client;
  readonly network: Network;
  readonly events: ReconnectEvent[];
}

/**
 * Returns a client with `reconnect` over a network in memory. `afterLogin` is awaited with each new connection before the client uses it.
 */
export async function connected(
  server: Partial<ServeOptions<Session>> = {},
  options: ReconnectOptions = {},
  login: Omit<Partial<ConnectOptions>, "algorithms"> & Pick<ClientProvider, "users"> = {},
  afterLogin: (connection: LoggedIn, network: Network) => Promise<void> = async () => {},
): Promise<Connected> {
  const network = new Network({ algorithms, ...server });
  const events: ReconnectEvent[] = [];
  const connect = async (signal?: AbortSignal): Promise<LoggedIn> =>
    logIn(await network.connect(signal), {
      ...visitor,
      algorithms,
      fingerprint: sha256Fingerprint,
      loginMethods: clientMethods,
      lossOf,
      ...login,
      limits: { keepaliveInterval: 15_000, ...login.limits },
      ...(signal && { signal }),
    });
  const onEvent = (event: ReconnectEvent): void => {
    events.push(event);
    options.onEvent?.(event);
  };
  const connectAgain = async (signal: AbortSignal): Promise<LoggedIn> => {
    const again = await connect(signal);
    await afterLogin(again, network);
    return again;
  };
  const connection = reconnecting(await connect(), connectAgain, { ...options, onEvent }, login);
  const client = new Client(connection);
  onTestFinished(() => client.close());
  return { client, network, events };
}
