import { inspect } from "node:util";
import { escapeText } from "@nacre/wire";
import { type ConnectEvent, type ProtocolTrace, withDescriptions } from "nacre/extend";
import type { Ssh2Negotiated } from "../algorithms.ts";

/** Function of the option `debug`. */
export type Debug = (line: string) => void;

/** Writes the lines of an event in ssh2's form. `negotiated` is the value of the event "handshake". */
export function debugEvent(debug: Debug, event: ConnectEvent, negotiated: Ssh2Negotiated | undefined): void {
  switch (event.type) {
    case "identified":
      debug(`Remote ident: ${inspect(escapeText(event.peerVersion))}`);
      return;
    case "kex":
      if (negotiated !== undefined) debugNegotiated(debug, negotiated);
      debug("Handshake completed");
      return;
    case "debug":
      debug(`Debug output from server: ${JSON.stringify(escapeText(event.message))}`);
      return;
    case "disconnect":
      debug(`Inbound: Received DISCONNECT (${event.reasonCode}, "${escapeText(event.description)}")`);
      return;
    case "failed":
      debug(`Connection failed: ${event.error.message}`);
      return;
    case "banner":
    case "instruction":
  }
}

function debugNegotiated(debug: Debug, { kex, serverHostKey, cs, sc }: Ssh2Negotiated): void {
  debug(`Handshake: KEX algorithm: ${kex}`);
  debug(`Handshake: Host key format: ${serverHostKey}`);
  debug(`Handshake: C->S Cipher: ${cs.cipher}`);
  debug(`Handshake: S->C Cipher: ${sc.cipher}`);
  debug(`Handshake: C->S MAC: ${cs.mac || "<implicit>"}`);
  debug(`Handshake: S->C MAC: ${sc.mac || "<implicit>"}`);
  debug(`Handshake: C->S compression: ${cs.compress}`);
  debug(`Handshake: S->C compression: ${sc.compress}`);
}

/** Returns the option `trace` that writes a line for each message. Its descriptions have no secrets. */
export function debugTrace(debug: Debug): ProtocolTrace | undefined {
  return withDescriptions((record) => {
    if (record.type !== "packet") return;
    const { direction, message, summary } = record;
    const name = message.replace(/^SSH_MSG_/, "");
    const what = summary === "" ? name : `${name} (${summary})`;
    debug(direction === "sent" ? `Outbound: Sending ${what}` : `Inbound: Received ${what}`);
  });
}
