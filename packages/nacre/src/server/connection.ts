import type { NegotiatedAlgorithms } from "@nacre/transport";
import type { SshError } from "@nacre/wire";
import type { Channel } from "../mux/channel.ts";

/** A server's connection with one client. */
export interface ServerConnection extends AsyncDisposable {
  /** Resolves with the reason when the connection has ended and all it held is released. Never rejects. */
  readonly ended: Promise<SshError>;
  /** The user who is logged in; `undefined` before login. As the client sent it: escape it before showing it. */
  readonly user: string | undefined;
  /** The client's identification, `"SSH-2.0-OpenSSH_10.0"`; `undefined` before it arrives. */
  readonly clientVersion: string | undefined;
  /** The negotiated algorithms; `undefined` before the first key exchange. */
  readonly negotiated: NegotiatedAlgorithms | undefined;
  /** Sessions that are open. */
  readonly sessionCount: number;
  /**
   * Opens a channel to the client. `data` depends on the type. Clients refuse what they have not asked for. Rejects as `Client.openChannel`,
   * and with `usage` before login (RFC 4254 §5.1).
   */
  openChannel(channelType: string, data?: Uint8Array): Promise<Channel>;
  /** Begins a key exchange now, before a limit asks for it. Has no effect before login. */
  rekey(): void;
  /**
   * Disconnects and resolves when everything is released. No session starts and nothing more is forwarded from now on; running sessions
   * have `grace` milliseconds to end, 0 by default. The `signal` of handlers that still run then aborts. Forwarded connections do not delay
   * it: they may be idle for ever, so they end with the SSH connection.
   */
  close(options?: { readonly grace?: number | undefined }): Promise<void>;
}
