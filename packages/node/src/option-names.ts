import { CONNECT_OPTIONS, type OptionNames, SERVE_OPTIONS } from "nacre/extend";
import type { ListenOptions } from "./listen/listen-options.ts";
import type { TcpForwardingOptions } from "./listen/tcp-forwarding.ts";
import type { ConnectOptions, HopOptions } from "./options.ts";

export const NODE_CONNECT_OPTIONS: OptionNames<ConnectOptions> = {
  ...CONNECT_OPTIONS,
  host: true,
  port: true,
  via: true,
  agent: "boolean or string",
  passphrase: "string or function",
  unknownHost: "function",
  knownHosts: "string or array",
  crypto: ["node", "noble"],
  connectTimeout: true,
  warn: "function",
};

const { via: _via, earlyChannel: _earlyChannel, ...SHARED_WITH_HOPS } = NODE_CONNECT_OPTIONS;

export const HOP_OPTIONS: OptionNames<HopOptions> = SHARED_WITH_HOPS;

const { remoteAddress: _, ...SHARED_WITH_SERVE } = SERVE_OPTIONS;

export const LISTEN_OPTIONS: OptionNames<ListenOptions> = {
  ...SHARED_WITH_SERVE,
  port: true,
  host: "string",
  crypto: ["node", "noble"],
  maxConnections: true,
  maxUnauthenticated: "object",
  perSource: "object or boolean",
};

export const TCP_FORWARDING_OPTIONS: OptionNames<TcpForwardingOptions> = {
  permitOpen: true,
  permitThisMachine: true,
  permitListen: true,
  gatewayPorts: true,
  connectTimeout: true,
  lookup: true,
};
