import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import type { ConfigValues } from "@nacre/config";
import { escapeText } from "@nacre/wire";
import type { TracePort } from "nacre";
import { say } from "../say.ts";

/** Returns a trace that prints how the login succeeded, in the line of `ssh -v` that programs search for. */
export function verboseTrace({ hostName: host, port, proxy }: ConfigValues): TracePort {
  let address = host;
  subscribe("net.client.socket", (message) => {
    const { socket } = message as { readonly socket: Socket };
    socket.once("connect", () => {
      address = socket.remoteAddress ?? host;
    });
  });
  let method = "none";
  return (record) => {
    if (record.type !== "packet") return;
    if (record.message === "SSH_MSG_USERAUTH_REQUEST")
      method = /.* (publickey|password|keyboard-interactive)\b/.exec(record.summary)?.[1] ?? method;
    if (record.message !== "SSH_MSG_USERAUTH_SUCCESS") return;
    const way = proxy.kind !== "direct" ? "(via proxy)" : `([${address}]:${port})`;
    say(escapeText(`Authenticated to ${host} ${way} using "${method}".`));
  };
}
