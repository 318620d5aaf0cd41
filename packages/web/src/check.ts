import { MAX_FIRST_MESSAGE_LENGTH } from "@nacre/tunnel";
import { checkLimit, SshError, utf8Encode } from "@nacre/wire";
import type { ConnectOptions as StreamConnectOptions } from "nacre";
import { CONNECT_OPTIONS, checkForwardPort, checkNames, checkSignal, type OptionNames } from "nacre/extend";
import type { ConnectOptions, WebSocketDuplexOptions } from "./options.ts";

/** Maximum delay of a timer in milliseconds, about 24 days. */
const LONGEST_TIMER = 0x7fff_ffff;

const DUPLEX_OPTIONS: OptionNames<WebSocketDuplexOptions> = {
  url: true,
  socket: true,
  host: true,
  port: true,
  ticket: true,
  connectTimeout: true,
  silenceTimeout: true,
  onConnectionChange: true,
  WebSocket: true,
  signal: true,
};

const WEB_CONNECT_OPTIONS: OptionNames<ConnectOptions> = {
  ...CONNECT_OPTIONS,
  ...DUPLEX_OPTIONS,
  unknownHost: true,
  knownHosts: true,
  warn: true,
};

/** Options of `connect`, split by the layer that uses them. */
export interface SortedOptions {
  readonly webSocket: WebSocketDuplexOptions;
  /** Options for `connect` of `nacre`, without `hostKey`. */
  readonly login: Omit<StreamConnectOptions, "hostKey">;
}

/** Splits the options of `connect` by layer. Throws `usage` if an option name is unknown. */
export function sortOptions(options: ConnectOptions): SortedOptions {
  checkNames(options, WEB_CONNECT_OPTIONS, "connect");
  const ofTable = (table: object): object =>
    Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(table, name)));
  const { hostKey: _, ...login } = ofTable(CONNECT_OPTIONS) as StreamConnectOptions;
  return { webSocket: ofTable(DUPLEX_OPTIONS) as WebSocketDuplexOptions, login };
}

/** Checks the options of `webSocketDuplex`. Throws `usage` if an option is invalid. */
export function checkWebSocketOptions(options: WebSocketDuplexOptions): void {
  checkNames(options, DUPLEX_OPTIONS, "webSocketDuplex");
  const { url, socket, host, port = 22, ticket = "", connectTimeout = 1, silenceTimeout = 0, signal } = options;
  if ((url === undefined) === (socket === undefined))
    throw new SshError("usage", 'give either url, the gateway\'s "wss://…", or socket, a WebSocket');
  if (socket !== undefined && typeof socket?.addEventListener !== "function")
    throw new SshError("usage", "socket must be a WebSocket");
  if (typeof host !== "string" || host === "" || host.includes("\0"))
    throw new SshError("usage", "host must be the name or address of the SSH server");
  checkForwardPort(port, 1);
  // The first message contains host, ticket and less than 32 further bytes.
  const most = MAX_FIRST_MESSAGE_LENGTH - 32 - utf8Encode(host).length;
  if (typeof ticket !== "string" || utf8Encode(ticket).length > most)
    throw new SshError("usage", `ticket must be a text of at most ${most} bytes`);
  checkLimit("connectTimeout", connectTimeout, { least: 1, most: LONGEST_TIMER, unit: "milliseconds" });
  checkLimit("silenceTimeout", silenceTimeout, { least: 0, most: LONGEST_TIMER, unit: "milliseconds" });
  checkSignal(signal);
}
