import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import type { ConfigValues } from "@nacre/config";
import { escapeText } from "@nacre/wire";
import type { TracePort } from "nacre";
import { say } from "../say.ts";

/** A login request in the trace, without its user: the algorithm and fields of a certificate. */
const CERTIFICATE = /^publickey\S* (\S+) (?:query|signed) (certificate .*)$/;

/**
 * Returns a trace that prints lines of `ssh -v`: the certificates that the host and the user present, and how the login succeeded, which
 * programs search for.
 */
export function verboseTrace({ hostName: host, port, proxy, user }: ConfigValues): TracePort {
  let address = host;
  subscribe("net.client.socket", (message) => {
    const { socket } = message as { readonly socket: Socket };
    socket.once("connect", () => {
      address = socket.remoteAddress ?? host;
    });
  });
  const userLength = escapeText(user).length + 1;
  let method = "none";
  let offered: string | undefined;
  let accepted: string | undefined;
  return (record) => {
    if (record.type !== "packet") return;
    const { message, summary } = record;
    if (/^SSH_MSG_KEX.*_REPLY$/.test(message) && summary !== "") say(`debug1: Server host certificate: ${summary}`);
    if (message === "SSH_MSG_USERAUTH_REQUEST") {
      const request = summary.slice(userLength);
      method = /^(publickey|password|keyboard-interactive)\b/.exec(request)?.[1] ?? method;
      const certificate = CERTIFICATE.exec(request)?.slice(1).join(" ");
      if (certificate !== undefined && certificate !== offered) say(`debug1: Offering public key: ${certificate}`);
      offered = certificate;
    }
    const isSuccess = message === "SSH_MSG_USERAUTH_SUCCESS";
    if ((isSuccess || message === "SSH_MSG_USERAUTH_PK_OK") && offered !== undefined && offered !== accepted) {
      say(`debug1: Server accepts key: ${offered}`);
      accepted = offered;
    }
    if (!isSuccess) return;
    const way = proxy.kind !== "direct" ? "(via proxy)" : `([${address}]:${port})`;
    say(escapeText(`Authenticated to ${host} ${way} using "${method}".`));
  };
}
