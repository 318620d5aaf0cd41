import type { Duplex } from "node:stream";
import type { Connection } from "../connection.ts";

/** The part of an agent that forwarding uses. */
export interface ForwardedAgent {
  /** Connects to the agent. `signal` closes the connection. */
  getStream?:
    | ((callback: (error: Error | null | undefined, stream?: Duplex) => void, signal?: AbortSignal) => void)
    | undefined;
}

/** A client's connection as its methods for channels use it. */
export interface ClientConnection extends Connection {
  readonly config: {
    /** Whether each command gets a forwarded agent. */
    readonly allowAgentFwd?: boolean | undefined;
    /** Whether OpenSSH's requests are sent only to servers that are OpenSSH. */
    readonly strictVendor?: boolean | undefined;
  };
  _agent: ForwardedAgent | undefined;
  /** Ports that the server forwards to this client, by `address:port` of the request. `connect` begins with none. */
  _forwarding: Record<string, number> | undefined;
  /** Paths that the server forwards to this client. */
  _forwardingUnix: Record<string, true> | undefined;
  /** Number of open sessions whose X11 connections are accepted. */
  _acceptX11: number | undefined;
  /** Whether the server may use the agent. */
  _agentFwdEnabled: boolean | undefined;
  /** Software version of the server, such as `"OpenSSH_10.0"`. */
  _remoteVer: string | undefined;
}
