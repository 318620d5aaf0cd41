import type { Channel } from "../../mux/channel.ts";
import { type Duplex, isDuplex } from "../../mux/duplex.ts";
import type { Opener } from "../../mux/open-channel.ts";
import { checkAlgorithms } from "../../options/algorithms.ts";
import { checkValues } from "../../options/schema.ts";
import type { LoggedIn } from "../../users/client/client.ts";
import { openSession } from "../../users/session/open-session.ts";
import { SessionOpener } from "../../users/session/session-opener.ts";
import { Driver } from "./driver.ts";
import { checkLoginMethods } from "./method.ts";
import { type ClientProvider, CONNECT_OPTIONS, type ConnectOptions } from "./options.ts";

/** Function that opens a channel together with the login. */
export type EarlyOpen = (mux: Opener) => Promise<Channel>;

/**
 * Logs in over a byte connection. `earlyOpen` replaces the session channel that is opened together with the login. Closes the byte
 * connection before it rejects.
 */
export async function logIn(
  duplex: Duplex,
  options: ConnectOptions & ClientProvider,
  earlyOpen: EarlyOpen | undefined = options.earlyChannel === false ? undefined : openSession,
): Promise<LoggedIn & { readonly early: Promise<Channel> | undefined }> {
  let driver: Driver;
  try {
    const { users } = options;
    checkValues(options, users?.options ?? CONNECT_OPTIONS);
    checkAlgorithms(options.algorithms);
    checkLoginMethods(options);
    users?.check(options);
    driver = new Driver(duplex, options);
  } catch (error) {
    await duplex.close();
    throw error;
  }
  const early = earlyOpen?.(driver.mux);
  early?.catch(() => {}); // The first command that uses the channel gets the error.
  const info = await driver.start();
  return { driver, info, early, sessions: new SessionOpener(driver.mux, early) };
}

/**
 * Logs in over what `toDuplex` makes a byte connection of. `complete` returns the options; if it throws, a byte connection is closed, and
 * streams stay untouched.
 */
export async function logInOver<Over>(
  over: Over,
  toDuplex: (over: Over) => Duplex,
  complete: () => ConnectOptions & ClientProvider,
): Promise<LoggedIn> {
  let options: ConnectOptions & ClientProvider;
  try {
    options = complete();
  } catch (error) {
    if (isDuplex(over)) await over.close();
    throw error;
  }
  return logIn(toDuplex(over), options);
}
