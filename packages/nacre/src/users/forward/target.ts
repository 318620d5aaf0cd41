import { directStreamlocal, SshError, tcpipChannel, utf8Encode } from "@nacre/wire";

/** A target to connect to from the other side of an SSH connection. */
export type ForwardTarget =
  | {
      /** Host name or address. The other side resolves names. */
      readonly host: string;
      /** Port from 1 to 65535. */
      readonly port: number;
      readonly path?: undefined;
    }
  | {
      /** Path of a Unix socket. */
      readonly path: string;
      readonly host?: undefined;
      readonly port?: undefined;
    };

/** The origin of a forwarded connection. */
export interface Originator {
  /** IP address, or another text from the peer: escape it before display. */
  readonly address: string;
  readonly port: number;
}

/** A channel open that requests a connection to a target. */
export interface ForwardOpen {
  readonly channelType: "direct-tcpip" | "direct-streamlocal@openssh.com";
  /** Type-specific data of the open. */
  readonly data: Uint8Array;
}

/** Sent if the originator is unknown: RFC 4254 §7.2 requires an address. */
export const UNKNOWN_ORIGINATOR: Originator = { address: "127.0.0.1", port: 0 };

/** Maximum path length of a Unix socket in bytes: Linux's `sun_path` without its NUL. */
const MAX_SOCKET_PATH = 107;

/**
 * Encodes the channel open for a connection to `target` (RFC 4254 §7.2, OpenSSH PROTOCOL §2.4). Throws `usage` for an invalid target or
 * originator.
 */
export function encodeTarget(target: ForwardTarget, originator: Originator = UNKNOWN_ORIGINATOR): ForwardOpen {
  checkTarget(target);
  checkOriginator(originator);
  if (target.path !== undefined) {
    const data = directStreamlocal.encode({ path: target.path, reserved: new Uint8Array(0), reservedNumber: 0 });
    return { channelType: "direct-streamlocal@openssh.com", data };
  }
  const data = tcpipChannel.encode({
    address: target.host,
    port: target.port,
    originatorAddress: originator.address,
    originatorPort: originator.port,
  });
  return { channelType: "direct-tcpip", data };
}

/** Throws `usage` for an invalid target. */
export function checkTarget(target: unknown): asserts target is ForwardTarget {
  const { host, port, path } = (target ?? {}) as {
    readonly host?: unknown;
    readonly port?: unknown;
    readonly path?: unknown;
  };
  if (path !== undefined && host === undefined && port === undefined) checkSocketPath(path);
  else if (path !== undefined || typeof host !== "string" || host === "" || host.includes("\0"))
    throw new SshError(
      "usage",
      'invalid forwarding target; expected an object such as { host: "example.org", port: 80 } or { path: "/run/app.sock" }',
    );
  else checkForwardPort(port, 1);
}

/** Throws `usage` for an invalid originator. */
export function checkOriginator(originator: unknown): asserts originator is Originator {
  const { address, port } = (originator ?? {}) as { readonly address?: unknown; readonly port?: unknown };
  if (typeof address !== "string")
    throw new SshError(
      "usage",
      'invalid `originator`; expected an object such as { address: "192.0.2.1", port: 50000 }',
    );
  checkForwardPort(port, 0);
}

/** Throws `usage` unless `path` is a valid Unix socket path: 1 to 107 bytes without NUL. */
export function checkSocketPath(path: unknown): asserts path is string {
  if (typeof path !== "string" || path === "" || path.includes("\0") || utf8Encode(path).length > MAX_SOCKET_PATH)
    throw new SshError("usage", `a Unix socket path must have 1 to ${MAX_SOCKET_PATH} bytes without NUL`);
}

/** Throws `usage` unless `port` is an integer from `least` to 65535. */
export function checkForwardPort(port: unknown, least: 0 | 1): asserts port is number {
  if (Number.isInteger(port) && (port as number) >= least && (port as number) <= 65535) return;
  throw new SshError(
    "usage",
    `invalid port ${typeof port === "string" ? JSON.stringify(port) : String(port)}; expected an integer from ${least} to 65535`,
  );
}

/** Formats a target as OpenSSH does: `"example.org:80"`, `"[2001:db8::1]:80"`, `"/run/app.sock"`. Does not escape it. */
export function formatTarget(target: ForwardTarget): string {
  if (target.path !== undefined) return target.path;
  return target.host.includes(":") ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`;
}
