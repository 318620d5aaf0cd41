import {
  decodeIfReadable,
  directStreamlocal,
  MAX_UINT32,
  streamlocalForward,
  tcpipChannel,
  tcpipForward,
} from "@nacre/wire";
import { usage } from "../../check.ts";
import type { PeerGlobalRequest } from "../../mux/peer-asks.ts";
import { grantedByAll, isTexts, type PermissionRow } from "../server/permission.ts";
import type { ServerUser } from "../server/server-user.ts";
import type { Forwarding } from "./forwarding.ts";
import type { ListenAddress } from "./remote-listener.ts";
import { ServerForwards } from "./server-forwards.ts";
import type { ForwardTarget, Originator } from "./target.ts";

/** Options of `serve` for forwarding. */
export interface ForwardServeOptions {
  /**
   * Forwards connections for logins with `permissions.portForwarding`. Use `tcpForwarding` of `@nacre/node`, or your own functions.
   * Default: all forwarding is refused. Forwarded connections end with the SSH connection; `close` does not wait for them.
   */
  readonly forwarding?: Forwarding | undefined;
}

/** Permissions for forwarding. */
export interface ForwardPermissions {
  /** True grants forwarding in both directions, limited by `permitOpen` and `permitListen`; default false (RFC 4254 §7). */
  readonly portForwarding?: boolean | undefined;
  /**
   * Targets that connections may be forwarded to, like `permitopen=` in authorized_keys: `"example.org:80"`, `"[2001:db8::1]:*"`,
   * `"*:443"`. A host is compared literally with the requested one. If there is a list, it must also name the path of each permitted Unix
   * socket, such as `"/run/app.sock"`. Default: all, if `portForwarding` is true.
   */
  readonly permitOpen?: readonly string[] | undefined;
  /**
   * Addresses that the server may listen at for the client, like `permitlisten=` in authorized_keys: `"8080"`, `"localhost:8080"`,
   * `"*.example.org:*"`. A client that names no host requests `"localhost"`. Unix sockets are named as in `permitOpen`. Default: all, if
   * `portForwarding` is true.
   */
  readonly permitListen?: readonly string[] | undefined;
}

/** Combined permissions for forwarding. */
export interface GrantedForwards {
  /** Forced command of the login's sessions, for `ForwardContext`. */
  readonly command: string | undefined;
  readonly portForwarding: boolean;
  /** One list of places per factor that has one. A place must be in every list; without lists every place is permitted. */
  readonly permitOpen: readonly (readonly string[])[];
  /** The same for addresses to listen at. */
  readonly permitListen: readonly (readonly string[])[];
}

/** Limits of the forwards of one connection. */
export interface ForwardLimits {
  /**
   * Maximum number of forwarded connections in both directions, including those being opened; default 224. Further ones are refused. The
   * default leaves 32 of the 256 channels of `maxChannels` free for sessions.
   */
  readonly maxForwardedConnections: number;
  /** Maximum number of listeners for one client; default 32. Further ones are refused. */
  readonly maxForwardListeners: number;
}

/** Events of forwards. */
export type ForwardEvent =
  /** The server opened a forwarded connection to a target. */
  | { readonly type: "forward-opened"; readonly target: ForwardTarget; readonly originator: Originator | undefined }
  /** The server opened a listener for the client. `address` has the chosen port if the client asked for port 0. */
  | { readonly type: "forward-listening"; readonly address: ListenAddress }
  /** The client accepted a connection to one of its listeners. */
  | { readonly type: "forward-accepted"; readonly address: ListenAddress; readonly originator: Originator | undefined }
  /** The client cancelled a listener. Listeners that end with the connection cause no event. */
  | { readonly type: "forward-stopped"; readonly address: ListenAddress };

export interface ForwardTypes {
  readonly options: ForwardServeOptions;
  readonly permissions: ForwardPermissions;
  readonly granted: GrantedForwards;
  readonly limits: ForwardLimits;
  readonly event: ForwardEvent;
}

/** Shared by all logins without lists, to save memory. */
const NO_LISTS: readonly (readonly string[])[] = [];

const places: PermissionRow<readonly string[], readonly (readonly string[])[]> = {
  combine(values) {
    // rule: factor-places
    const found = values.filter((list) => list !== undefined);
    return found.length === 0 ? NO_LISTS : found;
  },
  isValid: isTexts,
};

/** Forwarding of TCP connections and Unix sockets in both directions (RFC 4254 §7, OpenSSH PROTOCOL §2.4). */
export const forwardServer: ServerUser<ForwardTypes, ServerForwards> = {
  options: { forwarding: { check: checkForwarding } },
  permissions: { portForwarding: grantedByAll, permitOpen: places, permitListen: places },
  limits: {
    maxForwardedConnections: { default: 224, least: 0, most: MAX_UINT32, unit: "connections" },
    maxForwardListeners: { default: 32, least: 0, most: MAX_UINT32, unit: "listeners" },
  },
  isUsed: ({ forwarding }) => forwarding !== undefined,
  channels: {
    "direct-tcpip"(open, forwards) {
      const data = decodeIfReadable(tcpipChannel, open.data);
      const originator = data && { address: data.originatorAddress, port: data.originatorPort };
      forwards.onOpen(open, data && { host: data.address, port: data.port }, originator);
    },
    "direct-streamlocal@openssh.com"(open, forwards) {
      const data = decodeIfReadable(directStreamlocal, open.data);
      forwards.onOpen(open, data && { path: data.path }, undefined);
    },
  },
  globalRequests: {
    "tcpip-forward"(request, { listeners }) {
      listeners.onListen(request, tcpAddress(request));
    },
    "cancel-tcpip-forward"(request, { listeners }) {
      listeners.onCancel(request, tcpAddress(request));
    },
    "streamlocal-forward@openssh.com"(request, { listeners }) {
      listeners.onListen(request, decodeIfReadable(streamlocalForward, request.data));
    },
    "cancel-streamlocal-forward@openssh.com"(request, { listeners }) {
      listeners.onCancel(request, decodeIfReadable(streamlocalForward, request.data));
    },
  },
  sessionRequests: [],
  begin(context) {
    // rule: forwarding-grant
    if (!context.permissions.portForwarding) return undefined;
    return new ServerForwards(context);
  },
};

function tcpAddress({ data }: PeerGlobalRequest): ListenAddress | undefined {
  const decoded = decodeIfReadable(tcpipForward, data);
  return decoded && { host: decoded.address, port: decoded.port };
}

function checkForwarding(forwarding: unknown): void {
  if (forwarding === undefined) return;
  const { connect, listen } = (forwarding ?? {}) as { readonly connect?: unknown; readonly listen?: unknown };
  const are = [connect, listen].map((value) => typeof value);
  if (are.every((type) => type === "function" || type === "undefined") && are.includes("function")) return;
  throw usage(
    "`forwarding` must have a function `connect` or `listen`; pass `tcpForwarding()` of @nacre/node or { connect, listen }",
  );
}
