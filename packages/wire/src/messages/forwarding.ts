import { type Structure, string, structure, uint32, utf8 } from "../structure.ts";

/** Fields of "tcpip-forward" and "cancel-tcpip-forward" (RFC 4254 §7.1). */
export interface TcpipForward {
  /** Address to bind: `""` for all IPv4 and IPv6 addresses, `"localhost"` for loopback, `"0.0.0.0"`, `"::"`, or one address. */
  readonly address: string;
  /** Port to bind. 0 lets the server choose one, which the reply contains. */
  readonly port: number;
}

/** Data of "tcpip-forward" and "cancel-tcpip-forward": the address and port to listen on (RFC 4254 §7.1). */
export const tcpipForward: Structure<TcpipForward> = /* @__PURE__ */ structure("tcpip-forward", {
  address: utf8,
  port: uint32,
});

/**
 * Fields of the data of two channel types (RFC 4254 §7.2): "direct-tcpip", for a connection that the server opens to a target,
 * and "forwarded-tcpip", for a connection that the server accepted on a forwarded port.
 */
export interface TcpipChannel {
  /** "direct-tcpip": the host name or address to connect to. "forwarded-tcpip": the forwarded address. */
  readonly address: string;
  readonly port: number;
  /** Source address of the connection, as reported by the peer. */
  readonly originatorAddress: string;
  readonly originatorPort: number;
}

/** Data of "direct-tcpip" and "forwarded-tcpip" channels (RFC 4254 §7.2). */
export const tcpipChannel: Structure<TcpipChannel> = /* @__PURE__ */ structure("tcpip channel", {
  address: utf8,
  port: uint32,
  originatorAddress: utf8,
  originatorPort: uint32,
});

/** Fields of the reply to a "tcpip-forward" with port 0 (RFC 4254 §7.1). */
export interface TcpipForwardReply {
  readonly port: number;
}

/** Data of the SSH_MSG_REQUEST_SUCCESS for a "tcpip-forward" with port 0: the bound port (RFC 4254 §7.1). */
export const tcpipForwardReply: Structure<TcpipForwardReply> = /* @__PURE__ */ structure("the reply to tcpip-forward", {
  port: uint32,
});

/** Fields of the data of a "direct-streamlocal@openssh.com" channel (OpenSSH PROTOCOL §2.4). */
export interface DirectStreamlocal {
  /** Path of a Unix socket on the server. */
  readonly path: string;
  readonly reserved: Uint8Array;
  readonly reservedNumber: number;
}

/** Data of a "direct-streamlocal@openssh.com" channel (OpenSSH PROTOCOL §2.4). */
export const directStreamlocal: Structure<DirectStreamlocal> = /* @__PURE__ */ structure(
  "direct-streamlocal@openssh.com",
  {
    path: utf8,
    reserved: string,
    reservedNumber: uint32,
  },
);

/** Fields of the data of a "forwarded-streamlocal@openssh.com" channel (OpenSSH PROTOCOL §2.4). */
export interface ForwardedStreamlocal {
  /** Path from the "streamlocal-forward@openssh.com" request. */
  readonly path: string;
  readonly reserved: Uint8Array;
}

/** Data of a "forwarded-streamlocal@openssh.com" channel (OpenSSH PROTOCOL §2.4). */
export const forwardedStreamlocal: Structure<ForwardedStreamlocal> = /* @__PURE__ */ structure(
  "forwarded-streamlocal@openssh.com",
  {
    path: utf8,
    reserved: string,
  },
);

/** Fields of "streamlocal-forward@openssh.com" and "cancel-streamlocal-forward@openssh.com" (OpenSSH PROTOCOL §2.4). */
export interface StreamlocalForward {
  /** Path of the Unix socket to listen on. */
  readonly path: string;
}

/** Data of "streamlocal-forward@openssh.com" and "cancel-streamlocal-forward@openssh.com" (OpenSSH PROTOCOL §2.4). */
export const streamlocalForward: Structure<StreamlocalForward> = /* @__PURE__ */ structure(
  "streamlocal-forward@openssh.com",
  {
    path: utf8,
  },
);
