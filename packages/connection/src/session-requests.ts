import {
  type AskToken,
  breakRequest,
  type ChannelRequest,
  decodeIfReadable,
  type Empty,
  execRequest,
  exitSignal,
  exitStatus,
  ptyRequest,
  Reader,
  type Structure,
  signalRequest,
  structure,
  subsystemRequest,
  utf8Decode,
  windowChange,
  x11Request,
  xonXoff,
} from "@nacre/wire";
import type { ConnectionEvent, SessionReport, SessionRequest } from "./events.ts";
import type { RequestReader, RequestReaderContext } from "./request-reader.ts";
import { decodeTerminalModes } from "./terminal-modes.ts";

const shellRequest: Structure<Empty> = structure<Empty>("shell", {});

/** Session requests defined in RFC 4254 §6 and RFC 4335, with the only side that may send each. */
const SENDERS: ReadonlyMap<string, "client" | "server"> = new Map([
  ["pty-req", "client"],
  ["x11-req", "client"],
  ["env", "client"],
  ["shell", "client"],
  ["exec", "client"],
  ["subsystem", "client"],
  ["window-change", "client"],
  ["signal", "client"],
  ["break", "client"],
  ["exit-status", "server"],
  ["exit-signal", "server"],
  ["xon-xoff", "server"],
]);

/** Returns a reader for session requests (RFC 4254 §6, RFC 4335). It refuses requests from the side that may not send them. */
export function sessionRequests(context: RequestReaderContext): RequestReader {
  return new SessionRequests(context);
}

class SessionRequests implements RequestReader {
  readonly #channel: number;
  /** Our role; `undefined` for a session that a server opened, since only clients may open sessions. */
  readonly #receiver: "client" | "server" | undefined;
  /** Whether the command's end was already reported. */
  #exited = false;

  constructor({ channel, role, isOpenedByUs }: RequestReaderContext) {
    this.#channel = channel;
    this.#receiver = isOpenedByUs === (role === "client") ? role : undefined;
  }

  read(request: ChannelRequest, token: AskToken | undefined): ConnectionEvent | boolean | undefined {
    const sender = SENDERS.get(request.requestType);
    if (sender === undefined) return undefined;
    if (this.#receiver === undefined || sender === this.#receiver) return false;
    if (sender === "client") return decodeClientRequest(request, this.#channel, token) ?? false;
    const event = decodeServerRequest(request, this.#channel);
    if (event === undefined) return false;
    if (event.type === "flow-control") return event;
    if (this.#exited) return true;
    this.#exited = true;
    return event;
  }
}

/** Decodes a client's session request. Returns `undefined` if it must be refused. Throws `malformed-message`. */
function decodeClientRequest(
  request: ChannelRequest,
  channel: number,
  token: AskToken | undefined,
): SessionRequest | undefined {
  const { data } = request;
  switch (request.requestType) {
    case "pty-req": {
      const pty = ptyRequest.decode(data);
      return { type: "pty-req", channel, ...pty, modes: decodeTerminalModes(pty.modes), token };
    }
    case "x11-req":
      return { type: "x11-req", channel, ...x11Request.decode(data), token };
    case "env": {
      const reader = new Reader(data, "env");
      const name = utf8Decode(reader.string("name"));
      const value = utf8Decode(reader.string("value"));
      reader.end();
      // Environment variables may hold bytes that are not UTF-8. The request is refused, but the connection stays.
      return name === undefined || value === undefined ? undefined : { type: "env", channel, name, value, token };
    }
    case "shell":
      shellRequest.decode(data);
      return { type: "shell", channel, token };
    case "exec":
      return { type: "exec", channel, ...execRequest.decode(data), token };
    case "subsystem":
      return { type: "subsystem", channel, ...subsystemRequest.decode(data), token };
    case "window-change":
      return { type: "window-change", channel, ...windowChange.decode(data), token };
    case "signal":
      return { type: "signal", channel, ...signalRequest.decode(data), token };
    case "break":
      return { type: "break", channel, ...breakRequest.decode(data), token };
    default:
      return undefined;
  }
}

/**
 * Decodes a server's session request, which only informs the client. Returns `undefined` for a malformed one, such as the exit-signal of
 * PuTTY's server, which names signals by number.
 */
function decodeServerRequest(request: ChannelRequest, channel: number): SessionReport | undefined {
  const { data } = request;
  switch (request.requestType) {
    case "exit-status": {
      const exit = decodeIfReadable(exitStatus, data);
      return exit && { type: "exit-status", channel, status: exit.exitStatus };
    }
    case "exit-signal": {
      const exit = decodeIfReadable(exitSignal, data);
      if (exit === undefined) return undefined;
      const { signalName, coreDumped, errorMessage } = exit;
      return { type: "exit-signal", channel, signalName, coreDumped, errorMessage };
    }
    case "xon-xoff": {
      const flow = decodeIfReadable(xonXoff, data);
      return flow && { type: "flow-control", channel, ...flow };
    }
    default:
      return undefined;
  }
}
