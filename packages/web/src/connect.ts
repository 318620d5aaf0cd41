import { sha256Fingerprint } from "@nacre/keys";
import { SshError } from "@nacre/wire";
import { plainKeyAlgorithms } from "nacre/defaults";
import {
  abortedError,
  CommandClient,
  checkOptions,
  chooseAlgorithms,
  clientMethods,
  encodeTerminalModes,
  explicitHostKey,
  type LoggedIn,
  logIn,
  PROTOCOL_LIMITS,
  type Process,
  CONNECT_OPTIONS as STREAM_CONNECT_OPTIONS,
  type ConnectOptions as StreamConnectOptions,
  unlessAborted,
  webProcess,
  withCertificates,
  withDescriptions,
} from "nacre/extend";
import { knownHost } from "./known-hosts.ts";
import { CONNECT_OPTIONS, type ConnectOptions, DUPLEX_OPTIONS, type WebSocketDuplexOptions } from "./options.ts";
import { duplexOver, takeSocket } from "./web-socket-duplex.ts";

/** A logged-in SSH connection of a page, with Web streams. Any number of commands can share it. */
export class Client extends CommandClient<Process> {
  /** Call `connect` instead of this constructor. */
  constructor(connection: LoggedIn) {
    super(connection, webProcess);
  }
}

/** Time in milliseconds to wait for the answer to an SSH keepalive. */
const KEEPALIVE_ANSWER = 20_000;

/**
 * Connects to an SSH server through a WebSocket gateway, verifies its host key and logs in. The returned client has no methods `dial` and
 * `listen`, which keeps the page small. Import these functions from `nacre/core`: `dial(ssh, target)`.
 *
 * Rejects with an `SshError`: `code` names the cause, and `culprit` the side at fault. Everything is closed before it rejects. If the
 * connection ends with `connection-lost` after the login, the `cause` of that error may be the gateway's error.
 */
export async function connect(given: ConnectOptions): Promise<Client> {
  // JavaScript callers may pass `undefined`.
  const options = withCertificates({ ...given });
  checkOptions(options, CONNECT_OPTIONS, "connect");
  const webSocket = only(options, DUPLEX_OPTIONS) as WebSocketDuplexOptions;
  const { hostKey: _, ...login } = only(options, STREAM_CONNECT_OPTIONS) as StreamConnectOptions;
  const algorithms = chooseAlgorithms(login.algorithms, options.hostCertificates?.algorithms ?? plainKeyAlgorithms);
  const decided = explicitHostKey(options.hostKey, options);
  const duplexOptions = { ...webSocket, silenceTimeout: webSocket.silenceTimeout ?? silenceAfter(login.limits) };
  // Start opening the WebSocket before reading the known hosts, to save time.
  const socket = takeSocket(duplexOptions);
  let known: Awaited<ReturnType<typeof knownHost>> | undefined;
  try {
    known =
      decided === undefined
        ? await unlessAborted(knownHost(options, algorithms.hostKeys), options.signal, (signal) =>
            abortedError(`connecting to ${socket.where}`, signal),
          )
        : undefined;
  } catch (error) {
    await socket.close();
    throw error;
  }
  const duplex = await duplexOver(socket, duplexOptions);
  const hostKeys = known?.order(algorithms.hostKeys) ?? algorithms.hostKeys;
  try {
    const complete = {
      ...login,
      hostKey: decided ?? known!.verify,
      algorithms: { ...algorithms, hostKeys },
      fingerprint: sha256Fingerprint,
      encodeModes: encodeTerminalModes,
      loginMethods: clientMethods,
      trace: withDescriptions(login.trace),
    };
    return new Client(await logIn(duplex, complete));
  } catch (error) {
    throw gatewayError(error);
  }
}

/** Returns the options that have a row in `rows`. */
function only(options: ConnectOptions, rows: object): object {
  return Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(rows, name)));
}

/** Returns the default `silenceTimeout`: the keepalive interval plus the time for the answer. */
function silenceAfter(limits: ConnectOptions["limits"]): number {
  const { keepaliveInterval = PROTOCOL_LIMITS.defaults.keepaliveInterval } = limits ?? {};
  return keepaliveInterval === 0 ? 0 : Math.min(keepaliveInterval + KEEPALIVE_ANSWER, 0x7fff_ffff);
}

/** Returns the gateway's error if SSH reports only a lost connection. */
function gatewayError(error: unknown): unknown {
  return error instanceof SshError && error.code === "connection-lost" && error.cause instanceof SshError
    ? error.cause
    : error;
}
