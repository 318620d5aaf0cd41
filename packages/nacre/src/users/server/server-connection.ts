import type { NegotiatedAlgorithms } from "@nacre/transport";
import type { SshError } from "@nacre/wire";
import type { Channel } from "../../mux/channel.ts";

/** A server's connection to one client. */
export interface ServerConnection extends AsyncDisposable {
  /** Resolves with the reason when the connection has ended and all its resources are released. Never rejects. */
  readonly ended: Promise<SshError>;
  /** Name of the authenticated user, as the client sent it; `undefined` before login. Escape it before display. */
  readonly user: string | undefined;
  /** The client's identification string, such as `"SSH-2.0-OpenSSH_10.0"`; `undefined` before it arrives. */
  readonly clientVersion: string | undefined;
  /** The negotiated algorithms; `undefined` before the first key exchange. */
  readonly negotiated: NegotiatedAlgorithms | undefined;
  /** Number of open sessions, and of those that `rawSessions` has not decided yet. */
  readonly sessionCount: number;
  /**
   * Opens a channel to the client (RFC 4254 §5.1). `data` is type-specific. Clients refuse channels that they did not request. Rejects as
   * `Client.openChannel` does, and with `usage` before login.
   */
  openChannel(channelType: string, data?: Uint8Array): Promise<Channel>;
  /** Starts a key exchange now, before a rekey limit is reached. No effect before login. */
  rekey(): void;
  /**
   * Disconnects. Resolves when the connection and all its resources are released.
   *
   * New sessions and forwards are refused immediately. Running sessions get `grace` milliseconds to end; default 0. Then the `signal` of
   * each running handler aborts. Forwarded connections get no grace time, because they may be idle forever: they end with the SSH
   * connection.
   */
  close(options?: { readonly grace?: number | undefined }): Promise<void>;
}
