import { SshError } from "@nacre/wire";
import { type Client, connectDuplex } from "nacre";
import { defaultAlgorithms } from "nacre/defaults";
import { checkLimits, checkUser, explicitHostKey, SESSION_LIMITS } from "nacre/internal";
import { sortOptions } from "./check.ts";
import { knownHost } from "./known-hosts.ts";
import type { ConnectOptions } from "./options.ts";
import { duplexOver, takeSocket } from "./web-socket-duplex.ts";

/** Milliseconds within which a working WebSocket brings the answer to an SSH keepalive. */
const KEEPALIVE_ANSWER = 20_000;

/**
 * Connects to an SSH server through a WebSocket gateway, verifies its host key and logs in. Rejects with an `SshError`, whose `code` and `culprit`
 * tell why it could not; nothing is left open then. After the login `ended` of the client tells why the connection ended: where that is
 * `connection-lost`, its `cause` may be the error of the gateway.
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  // A program without types may give nothing at all.
  const { webSocket, login } = sortOptions({ ...options });
  checkUser(login.user);
  checkLimits(login.limits, SESSION_LIMITS);
  const decided = explicitHostKey(options.hostKey);
  const duplexOptions = { ...webSocket, silenceTimeout: webSocket.silenceTimeout ?? silenceAfter(login.limits) };
  // The WebSocket opens, and is listened to, while known hosts are read.
  const socket = takeSocket(duplexOptions);
  let known: Awaited<ReturnType<typeof knownHost>> | undefined;
  try {
    known = decided === undefined ? await knownHost(options) : undefined;
  } catch (error) {
    await socket.close();
    throw error;
  }
  const duplex = await duplexOver(socket, duplexOptions);
  const { algorithms = defaultAlgorithms } = login;
  const hostKeys = known?.order(algorithms.hostKeys) ?? algorithms.hostKeys;
  try {
    return await connectDuplex(duplex, {
      ...login,
      hostKey: decided ?? known!.verify,
      algorithms: { ...algorithms, hostKeys },
    });
  } catch (error) {
    throw gatewayError(error);
  }
}

/** The default of `silenceTimeout`: a WebSocket is lost when a keepalive was not answered. */
function silenceAfter(limits: ConnectOptions["limits"]): number {
  const { keepaliveInterval = SESSION_LIMITS.defaults.keepaliveInterval } = limits ?? {};
  return keepaliveInterval === 0 ? 0 : Math.min(keepaliveInterval + KEEPALIVE_ANSWER, 0x7fff_ffff);
}

/** What the gateway said, where SSH only knows that the connection was lost. */
function gatewayError(error: unknown): unknown {
  return error instanceof SshError && error.code === "connection-lost" && error.cause instanceof SshError
    ? error.cause
    : error;
}
