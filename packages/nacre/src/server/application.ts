import type { ServerSessionEvent } from "@nacre/session";
import { CHANNEL_OPEN_FAILURE_REASON, escapeText } from "@nacre/wire";
import { usage } from "../check.ts";
import { leaveUncaught } from "../mux/engine.ts";
import type { Mux, MuxSide } from "../mux/mux.ts";
import { ownValue } from "../mux/own-value.ts";
import type { PeerGlobalRequest, PeerOpen } from "../mux/peer-asks.ts";
import { sessionHandlers } from "../session/server-sessions.ts";
import type { ServerConnection } from "./connection.ts";
import type { GrantedPermissions } from "./permissions.ts";

/** Handlers of the application for the client's channels and global requests, beside sessions. */
export interface ApplicationHandlers {
  readonly channels?: Readonly<Record<string, (open: PeerOpen, connection: ServerConnection) => void>> | undefined;
  readonly globalRequests?:
    | Readonly<Record<string, (request: PeerGlobalRequest, connection: ServerConnection) => void>>
    | undefined;
}

/** Hands the channel types and global requests that the login's permissions name to the application. All others stay refused. */
export function grantApplication<S extends MuxSide<ServerSessionEvent> & ServerConnection>(
  mux: Mux<ServerSessionEvent, S>,
  handlers: ApplicationHandlers,
  permissions: GrantedPermissions,
): void {
  for (const channelType of /* rule: channel-grants */ permissions.channels) {
    const handler = ownValue(handlers.channels, channelType);
    if (handler === undefined) continue;
    mux.accept(channelType, (open, side) => {
      try {
        handler(open, side);
      } catch (thrown) {
        leaveUncaught(thrown);
        if (!open.answered) open.reject(CHANNEL_OPEN_FAILURE_REASON.CONNECT_FAILED, "the server failed");
      }
    });
  }
  for (const requestName of permissions.globalRequests) {
    const handler = ownValue(handlers.globalRequests, requestName);
    if (handler === undefined) continue;
    mux.onGlobalRequest(requestName, (request, side) => {
      try {
        handler(request, side);
      } catch (thrown) {
        leaveUncaught(thrown);
        if (!request.answered) request.reply(false);
      }
    });
  }
}

/** Throws `usage` for invalid handlers, and for those of what Nacre handles itself: sessions. */
export function checkApplicationHandlers({ channels, globalRequests }: ApplicationHandlers): void {
  checkRecord(channels, "channels", sessionHandlers.channels);
  checkRecord(globalRequests, "globalRequests", sessionHandlers.globalRequests);
}

function checkRecord(handlers: unknown, option: string, reserved: object): void {
  if (handlers === undefined) return;
  if (typeof handlers !== "object" || handlers === null)
    throw usage(`${option} must be an object of functions: { "name@example.org": … }`);
  for (const [name, handler] of Object.entries(handlers)) {
    if (typeof handler !== "function") throw usage(`${option}: the handler of "${escapeText(name)}" is not a function`);
    if (Object.hasOwn(reserved, name))
      throw usage(`${option}: "${escapeText(name)}" is reserved for sessions; use \`session\` and \`subsystems\``);
  }
}
