import { streamlocalForward, tcpipForward, tcpipForwardReply } from "@nacre/wire";
import type { PeerGlobalRequest } from "nacre/extend";
import { callProgram } from "../call-program.ts";
import { DRIVER, type ServedClient } from "./served-client.ts";

/** Data of a global request, as ssh2 shows it. */
type RequestData = { readonly bindAddr: string; readonly bindPort: number } | { readonly socketPath: string };

/** Handlers of the global requests that the event "request" has. All others are refused. Malformed data ends the connection. */
export function globalRequestHandlers(client: ServedClient): Record<string, (request: PeerGlobalRequest) => void> {
  const tcpip = (request: PeerGlobalRequest): void => {
    const place = client[DRIVER]!.decoded(() => tcpipForward.decode(request.data));
    if (place !== undefined) ask(client, request, { bindAddr: place.address, bindPort: place.port });
  };
  const streamlocal = (request: PeerGlobalRequest): void => {
    const place = client[DRIVER]!.decoded(() => streamlocalForward.decode(request.data));
    if (place !== undefined) ask(client, request, { socketPath: place.path });
  };
  return {
    "tcpip-forward": tcpip,
    "cancel-tcpip-forward": tcpip,
    "streamlocal-forward@openssh.com": streamlocal,
    "cancel-streamlocal-forward@openssh.com": streamlocal,
  };
}

/** Emits "request". `accept` and `reject` are there only if the client wants a reply; replies leave in the order of the requests. */
function ask(client: ServedClient, request: PeerGlobalRequest, data: RequestData): void {
  const { name, wantReply } = request;
  if (client.listenerCount("request") === 0) {
    request.reply(false);
    return;
  }
  const accept = (chosenPort?: number): void => {
    if (!request.answered) request.reply(true, replyData(name, data, chosenPort));
  };
  const reject = (): void => {
    if (!request.answered) request.reply(false);
  };
  callProgram(client, () =>
    client.emit("request", wantReply ? accept : undefined, wantReply ? reject : undefined, name, data),
  );
}

/** The reply has the bound port if the client let the server choose it (RFC 4254 §7.1). */
function replyData(name: string, data: RequestData, chosenPort: unknown): Uint8Array | undefined {
  const isChosen = name === "tcpip-forward" && "bindPort" in data && data.bindPort === 0;
  return isChosen && typeof chosenPort === "number" ? tcpipForwardReply.encode({ port: chosenPort }) : undefined;
}
