import type { ServerSessionEvent } from "@nacre/session";
import { checkHandlers } from "../check.ts";
import { callOpenHandler } from "../mux/application-open.ts";
import { leaveUncaught } from "../mux/engine.ts";
import type { Mux, MuxHandlers, MuxSide } from "../mux/mux.ts";
import { ownValue } from "../mux/own-value.ts";
import type { PeerGlobalRequest, PeerOpen } from "../mux/peer-asks.ts";
import { sessionHandlers } from "../session/server-sessions.ts";
import type { ServerConnection } from "./connection.ts";
import type { GrantedPermissions } from "./permissions.ts";

/** An application-defined request on a session, before or after its command starts. */
export interface CustomSessionRequest {
  readonly name: string;
  /** Request-specific data. */
  readonly data: Uint8Array;
  /** Number of the session, as in `ServerEvent`. */
  readonly session: number;
}

/** The application's handlers for channels and requests other than sessions. */
export interface ApplicationHandlers {
  readonly channels?: Readonly<Record<string, (open: PeerOpen, connection: ServerConnection) => void>> | undefined;
  readonly globalRequests?:
    | Readonly<Record<string, (request: PeerGlobalRequest, connection: ServerConnection) => void>>
    | undefined;
  readonly sessionRequests?:
    | Readonly<Record<string, (request: CustomSessionRequest, connection: ServerConnection) => boolean>>
    | undefined;
}

/**
 * Registers the application's handlers for the channel types and global requests that the login's permissions include. All others stay
 * refused.
 */
export function grantApplication<S extends MuxSide<ServerSessionEvent> & ServerConnection>(
  mux: Mux<ServerSessionEvent, S>,
  handlers: ApplicationHandlers,
  permissions: GrantedPermissions,
): void {
  for (const channelType of /* rule: channel-grants */ permissions.channels) {
    const handler = ownValue(handlers.channels, channelType);
    if (handler === undefined) continue;
    mux.accept(channelType, (open, side) => callOpenHandler(() => handler(open, side), open));
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

/** Throws `usage` for invalid handlers of channels and global requests, and for names that Nacre handles itself: those of sessions and of `reserved`. */
export function checkApplicationHandlers(
  { channels, globalRequests }: Pick<ApplicationHandlers, "channels" | "globalRequests">,
  reserved: MuxHandlers<never> | undefined,
): void {
  checkHandlers(channels, "channels", { ...sessionHandlers.channels, ...reserved?.channels });
  checkHandlers(globalRequests, "globalRequests", { ...sessionHandlers.globalRequests, ...reserved?.globalRequests });
}
