import { type Structure, string, structure, uint32, utf8 } from "../structure.ts";

/** RFC 4254 §7.1, the data of "tcpip-forward" and "cancel-tcpip-forward". */
export interface TcpipForward {
  /** Address to bind: `""` for all of both families, `"localhost"` for the loopback addresses, `"0.0.0.0"`, `"::"`, or one address. */
  readonly address: string;
  /** 0 lets the server choose a port; the reply then carries it. */
  readonly port: number;
}

/** Data of "tcpip-forward" and "cancel-tcpip-forward": where to listen (RFC 4254 §7.1). */
export const tcpipForward: Structure<TcpipForward> = structure("tcpip-forward", { address: utf8, port: uint32 });

/**
 * RFC 4254 §7.2, the data of opens of type "direct-tcpip" (the client asks the server to connect onward) and "forwarded-tcpip" (somebody
 * connected to where the server listens for the client).
 */
export interface TcpipChannel {
  /** Host to connect to, a name or an address; or the address that was connected to. */
  readonly address: string;
  readonly port: number;
  /** Where the connection came from, as the peer tells it. */
  readonly originatorAddress: string;
  readonly originatorPort: number;
}

/** Data of "direct-tcpip" and "forwarded-tcpip" channels (RFC 4254 §7.2). */
export const tcpipChannel: Structure<TcpipChannel> = structure("tcpip channel", {
  address: utf8,
  port: uint32,
  originatorAddress: utf8,
  originatorPort: uint32,
});

/** RFC 4254 §7.1, the data of SSH_MSG_REQUEST_SUCCESS after a "tcpip-forward" with port 0. */
export interface TcpipForwardReply {
  readonly port: number;
}

/** Data of the reply to a "tcpip-forward" with port 0: the port that was bound (RFC 4254 §7.1). */
export const tcpipForwardReply: Structure<TcpipForwardReply> = structure("the reply to tcpip-forward", {
  port: uint32,
});

/** OpenSSH PROTOCOL §2.4, the data of an open of type "direct-streamlocal@openssh.com". */
export interface DirectStreamlocal {
  /** Path of a Unix socket at the server. */
  readonly path: string;
  readonly reserved: Uint8Array;
  readonly reservedNumber: number;
}

/** Data of a "direct-streamlocal@openssh.com" channel (OpenSSH PROTOCOL §2.4). */
export const directStreamlocal: Structure<DirectStreamlocal> = structure("direct-streamlocal@openssh.com", {
  path: utf8,
  reserved: string,
  reservedNumber: uint32,
});

/** OpenSSH PROTOCOL §2.4, the data of an open of type "forwarded-streamlocal@openssh.com". */
export interface ForwardedStreamlocal {
  /** Path of the listener's "streamlocal-forward@openssh.com". */
  readonly path: string;
  readonly reserved: Uint8Array;
}

/** Data of a "forwarded-streamlocal@openssh.com" channel (OpenSSH PROTOCOL §2.4). */
export const forwardedStreamlocal: Structure<ForwardedStreamlocal> = structure("forwarded-streamlocal@openssh.com", {
  path: utf8,
  reserved: string,
});

/** OpenSSH PROTOCOL §2.4, the data of "streamlocal-forward@openssh.com" and "cancel-streamlocal-forward@openssh.com". */
export interface StreamlocalForward {
  /** Path of the Unix socket to listen on. */
  readonly path: string;
}

/** Data of "streamlocal-forward@openssh.com" and its cancellation: the path of the socket (OpenSSH PROTOCOL §2.4). */
export const streamlocalForward: Structure<StreamlocalForward> = structure("streamlocal-forward@openssh.com", {
  path: utf8,
});
