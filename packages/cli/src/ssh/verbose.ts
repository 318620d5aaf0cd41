import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import type { TracePort } from "nacre";
import { say } from "../say.ts";
import type { SshArguments } from "./ssh-arguments.ts";

/** Prints the lines of `ssh -v` that programs search for, and returns a trace that prints how the login succeeded. */
export function verboseTrace({ host, port = 22, jumpHosts }: SshArguments, version: string): TracePort {
  say(`debug1: OpenSSH_10.5 compatible, nacre ${version}`);
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
    const way = jumpHosts.length > 0 ? "(via proxy)" : `([${address}]:${port})`;
    say(`Authenticated to ${host} ${way} using "${method}".`);
  };
}
