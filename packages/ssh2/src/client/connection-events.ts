import { DISCONNECT_REASON } from "@nacre/wire";
import type { ConnectEvent } from "nacre/extend";
import { negotiatedOf } from "../algorithms.ts";
import { connectionError, disconnectText } from "../connection-errors.ts";
import { type Ssh2Error, ssh2Error } from "../errors.ts";
import { type Debug, debugEvent } from "./debug-lines.ts";

/** What the events of a connection do. */
export interface ConnectionEventsHost {
  readonly debug: Debug | undefined;
  /** Emits an event of the client. */
  emit(event: string, ...values: readonly unknown[]): void;
  /** Called when the server has identified itself, with its software version. */
  identified(softwareVersion: string): void;
  /** Called when the server has disconnected in order. */
  disconnected(): void;
  /** Emits the error that ends the connection. */
  fail(error: Ssh2Error): void;
}

/** Emits an event of the protocol as ssh2's events. */
export function emitConnectionEvent(event: ConnectEvent, host: ConnectionEventsHost): void {
  const negotiated = event.type === "kex" ? negotiatedOf(event.negotiated) : undefined;
  if (host.debug) debugEvent(host.debug, event, negotiated);
  switch (event.type) {
    case "identified":
      host.identified(/^SSH-[^-]*-(\S*)/.exec(event.peerVersion)?.[1] ?? "");
      if (event.linesBefore.length > 0) host.emit("greeting", event.linesBefore.map((line) => `${line}\r\n`).join(""));
      return;
    case "kex":
      host.emit("handshake", negotiated);
      if (!event.initial) host.emit("rekey");
      return;
    case "banner":
      host.emit("banner", event.message);
      return;
    case "disconnect": {
      const { reasonCode, description } = event;
      // As in ssh2, the server's normal end is not an error.
      if (reasonCode === DISCONNECT_REASON.BY_APPLICATION) host.disconnected();
      else host.fail(ssh2Error(disconnectText(reasonCode, description), { code: reasonCode }));
      return;
    }
    case "failed":
      // A lost connection is reported by the socket's events, as in ssh2.
      if (event.error.code !== "connection-lost") host.fail(connectionError(event.error));
      return;
    case "debug":
    case "instruction":
  }
}
