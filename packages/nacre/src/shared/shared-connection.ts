import type { ClientProtocolEvent } from "@nacre/protocol";
import { SshError } from "@nacre/wire";
import type { Channel } from "../mux/channel.ts";
import type { Duplex } from "../mux/duplex.ts";
import { Mux } from "../mux/mux.ts";
import type { LoggedIn } from "../users/client/client.ts";
import { openSession } from "../users/session/open-session.ts";
import { SessionOpener } from "../users/session/session-opener.ts";
import { encodeTerminalModes } from "../users/session/terminal-modes.ts";
import { PlainProtocol } from "./plain-protocol.ts";

/** A connection that a master shares, with its first session channel. */
export type SharedConnection = LoggedIn & { readonly early: Promise<Channel> | undefined };

/**
 * Returns the connection that a master of OpenSSH shares, over a byte connection in proxy mode. `opensSession` opens the first session
 * channel. To a client it is like one that it has logged in itself, with fewer features: the server cannot listen, and `info` throws
 * `not-supported-here`.
 */
export function sharedConnection(duplex: Duplex, opensSession: boolean): SharedConnection {
  const mux = new Mux<ClientProtocolEvent>(duplex, new PlainProtocol(), {
    event: () => {},
    refused: () => {},
    closed: () => {},
  });
  const { engine } = mux;
  engine.start();
  const early = opensSession ? openSession(mux) : undefined;
  early?.catch(() => {}); // The first command that uses the channel gets the error.
  return {
    driver: {
      mux: {
        engine,
        open: (channelType, data, handler) => mux.open(channelType, data, handler),
        accept: (channelType, acceptor) => mux.accept(channelType, acceptor),
        onGlobalRequest: (requestName, handler) => mux.onGlobalRequest(requestName, handler),
        globalRequest: (requestName) => {
          // rule: master-global-request
          throw new SshError(
            "not-supported-here",
            `a connection that a master shares carries no global requests, such as ${requestName}`,
          );
        },
      },
      ended: engine.closed,
      encodeModes: encodeTerminalModes,
      sessionRequests: () => [],
      // The master exchanges keys when it is time.
      rekey: () => {},
      close: async (reason = new SshError("closed", "the connection was closed by this side")) => {
        engine.fail(reason);
        await engine.closed;
      },
      end: async () => {
        engine.leave(new SshError("closed", "the connection was closed by this side"));
        await engine.closed;
      },
    },
    get info(): never {
      throw new SshError("not-supported-here", "a master tells nothing about the server of the connection it shares");
    },
    sessions: new SessionOpener(mux, early),
    early,
  };
}
