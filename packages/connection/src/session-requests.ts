import {
  type AskToken,
  breakRequest,
  type ChannelRequest,
  type Empty,
  execRequest,
  ptyRequest,
  Reader,
  type Structure,
  signalRequest,
  structure,
  subsystemRequest,
  utf8Decode,
  windowChange,
  x11Request,
} from "@nacre/wire";
import type { SessionRequest } from "./events.ts";
import type { RequestReader, RequestReaderContext } from "./request-reader.ts";
import { SESSION_REQUEST_SENDERS } from "./session-names.ts";
import { decodeTerminalModes } from "./terminal-modes.ts";

const shellRequest: Structure<Empty> = /* @__PURE__ */ structure<Empty>("shell", {});

/**
 * Returns a server's reader for session requests (RFC 4254 §6, RFC 4335). It refuses the requests that only servers send, and all on a
 * session that the server opened.
 */
export function sessionRequests({ channel, isOpenedByUs }: RequestReaderContext): RequestReader {
  return {
    read(request, token) {
      const sender = SESSION_REQUEST_SENDERS.get(request.requestType);
      if (sender === undefined) return undefined;
      return !isOpenedByUs && sender === "client" && (decodeRequest(request, channel, token) ?? false);
    },
  };
}

/** Decodes a client's session request. Returns `undefined` if it must be refused. Throws `malformed-message`. */
function decodeRequest(
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
