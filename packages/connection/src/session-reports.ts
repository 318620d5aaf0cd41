import { type ChannelRequest, decodeIfReadable, exitSignal, exitStatus, xonXoff } from "@nacre/wire";
import type { SessionReport } from "./events.ts";
import type { RequestReader, RequestReaderContext } from "./request-reader.ts";
import { SESSION_REQUEST_SENDERS } from "./session-names.ts";

/**
 * Returns a client's reader for session requests (RFC 4254 §6): the reports of a server. It refuses the requests that only clients send, and
 * all on a session that the server opened.
 */
export function sessionReports({ channel, isOpenedByUs }: RequestReaderContext): RequestReader {
  // Whether the command's end was already reported.
  let exited = false;
  return {
    read(request) {
      const sender = SESSION_REQUEST_SENDERS.get(request.requestType);
      if (sender === undefined) return undefined;
      if (!isOpenedByUs || sender === "client") return false;
      const report = decodeReport(request, channel);
      if (report === undefined) return false;
      if (report.type === "flow-control") return report;
      if (exited) return true;
      exited = true;
      return report;
    },
  };
}

/**
 * Decodes a server's session request, which only informs the client. Returns `undefined` for a malformed one, such as the exit-signal of
 * PuTTY's server, which names signals by number.
 */
function decodeReport(request: ChannelRequest, channel: number): SessionReport | undefined {
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
