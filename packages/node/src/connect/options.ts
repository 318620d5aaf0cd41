import type { Duplex as NodeDuplex } from "node:stream";
import { type Overrides, SshError } from "@nacre/wire";
import {
  type ClientLimits,
  type ClientUsers,
  checkReconnect,
  checkUser,
  type Duplex,
  type HostKeyOption,
  joinUsers,
  type OptionRows,
  type PresentedHostKey,
  type ReconnectOptions,
  type ScopedRows,
  type ConnectOptions as StreamConnectOptions,
} from "nacre/extend";
import type { CryptoChoice } from "../crypto/private-key.ts";
import { accountName } from "../keys/account.ts";
import { type ForwardAgentOptions, forwardAgent } from "../keys/forward-agent.ts";
import type { IdentitySources, PassphraseSource } from "../keys/identities.ts";
import { checkConnectionAttempts, checkConnectTimeout, checkHost, checkLocalAddress, checkPort } from "../net/dial.ts";
import { checkProxy } from "../net/proxy/proxy-url.ts";
import type { Client } from "./client.ts";
import { checkProxyCommand, type WayOptions } from "./way.ts";

/** Options that the users in the list add to `connect`. */
export interface UserConnectOptions extends ForwardAgentOptions {}

/** Options of `connect`: the host, and settings that differ from OpenSSH's defaults. */
export interface ConnectOptions
  extends Omit<StreamConnectOptions, "user" | "hostKey" | "identities" | "limits">,
    UserConnectOptions,
    Pick<WayOptions, "addressFamily" | "connectionAttempts" | "localAddress" | "proxy" | "proxyCommand"> {
  /** Host name or address, without a port; an IPv6 address has no brackets. */
  readonly host: string;
  /** TCP port; default 22. */
  readonly port?: number | undefined;
  /**
   * Byte connection to use in place of TCP: a Node stream that is readable and writable, such as a socket, or a Nacre `Duplex`. `host` and
   * `port` then only name the server, for known_hosts and messages. `connect` owns it from then on, and closes it if it rejects with
   * another code than `usage`. With `via`, set it for the first jump host.
   */
  readonly duplex?: NodeDuplex | Duplex | undefined;
  /**
   * Jump host to connect through, or several in order, nearest first (ssh(1), ProxyJump). Each has its own host key check and login, and is
   * closed with this connection. See {@link Hop}.
   */
  readonly via?: Via | undefined;
  /** Login name; default the account that runs this program. */
  readonly user?: string | undefined;
  /**
   * Login keys in the order in which to try them. By default, the agent's keys are tried, then `~/.ssh/id_ed25519`, `id_ecdsa` and
   * `id_rsa`, if they exist. If the agent also holds a file's key, the agent signs, so no passphrase is needed. A path may also name the
   * public key file of an agent's key. An entry may be a promise, also of several keys: `[agentIdentities(path)]`.
   */
  readonly identities?: IdentitySources | undefined;
  /**
   * SSH agent: the path of its socket, or true for the one at SSH_AUTH_SOCK. It must then be available, and all its keys are tried first.
   * False disables the agent. By default, the agent at SSH_AUTH_SOCK is used if it responds.
   */
  readonly agent?: boolean | string | undefined;
  /**
   * Passphrase for encrypted key files, or a function that returns it. The function receives the file's path and the attempt (1 to 3) when
   * a key is needed. If it returns `undefined`, the key is skipped.
   */
  readonly passphrase?: PassphraseSource | undefined;
  /**
   * How to verify the host key. By default it is looked up in known_hosts, and an unknown host is refused (`host-key-unknown`).
   * `"accept-new"` accepts and adds unknown hosts. One or more fingerprints in the format of `ssh-keygen -l` (`"SHA256:…"`) pin the key,
   * and a function decides about it; it also gets the `host` and `port`. In both cases known_hosts is not read.
   */
  readonly hostKey?: HostKeyOption;
  /** Decides about the key of a host that is not in known_hosts: true accepts and adds it. Not called if `hostKey` is set. */
  readonly unknownHost?: ((hostKey: PresentedHostKey) => boolean | Promise<boolean>) | undefined;
  /**
   * Path or paths of known_hosts files; default `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts`. Missing files count as empty. New
   * hosts are added to the first file.
   */
  readonly knownHosts?: string | readonly string[] | undefined;
  /**
   * Cryptographic implementation: `"node"` (node:crypto, the default) or `"noble"`, the portable code used in browsers, several times
   * slower. Explicit `algorithms` override it.
   */
  readonly crypto?: CryptoChoice | undefined;
  /**
   * Time limit in milliseconds for the TCP connection, the server's identification and the first key exchange together, from the login at
   * the previous jump host if there is one. The time that your callbacks take does not count. Default 15,000 for the TCP connection alone;
   * `limits.kexTimeout` bounds the key exchange in any case, and `limits.authTimeout` the login.
   */
  readonly connectTimeout?: number | undefined;
  /**
   * Whether to connect again when the connection is lost; default false. Pending commands and open connections then fail once with
   * `connection-lost`, nothing runs twice, new calls wait up to 30 seconds, and listeners stay. `unknownHost` is not called again: an
   * unknown host key is accepted only if it was accepted before. The first connection must succeed. The client ends with `close()`,
   * `signal`, or an error that is not the network's, such as another host key. Keepalives are sent after 15 seconds, unless `limits`
   * say otherwise.
   */
  readonly reconnect?: boolean | ReconnectOptions | undefined;
  /** Limits that override the defaults. */
  readonly limits?: Overrides<ClientLimits> | undefined;
  /** Called with a one-line warning, safe to display, for each malformed known_hosts line and each unusable default key file. */
  readonly warn?: ((text: string) => void) | undefined;
}

/** The users of a client's connections that begin with the login, with what Node adds to them. */
const clientList: {
  readonly forwardAgent: typeof forwardAgent;
} = {
  forwardAgent,
};

export const CLIENT_USERS: ClientUsers<StreamConnectOptions & UserConnectOptions> = joinUsers(clientList);

export const CONNECT_OPTIONS: ScopedRows<ConnectOptions> = {
  ...CLIENT_USERS.options,
  host: { check: checkHost, scope: "host" },
  port: { check: (port = 22) => checkPort(port, 1), default: 22, scope: "host" },
  duplex: { check: checkDuplex, scope: "host" },
  via: { scope: "host" },
  user: { check: (user = accountName()) => checkUser(user), scope: "host" },
  identities: { type: "array", scope: "host" },
  agent: { type: "boolean or string", scope: "machine" },
  passphrase: { type: "string or function", scope: "machine" },
  hostKey: { scope: "host" },
  unknownHost: { type: "function", scope: "host" },
  knownHosts: { type: "string or array", check: checkKnownHosts, scope: "machine" },
  crypto: { type: ["node", "noble"], scope: "machine" },
  connectTimeout: { check: checkConnectTimeout, scope: "machine" },
  addressFamily: { type: ["any", "inet", "inet6"], scope: "machine" },
  connectionAttempts: { check: checkConnectionAttempts, scope: "machine" },
  localAddress: { check: checkLocalAddress, scope: "machine" },
  proxy: { check: checkProxy, scope: "machine" },
  proxyCommand: { check: checkProxyCommand, scope: "host" },
  reconnect: { check: checkReconnect, scope: "host" },
  warn: { type: "function", scope: "machine" },
};

function checkDuplex(duplex: NodeDuplex | Duplex | null | undefined): void {
  if (duplex === undefined || isStream(duplex) || typeof duplex?.open === "function") return;
  throw new SshError(
    "usage",
    "`duplex` must be a Node stream that is readable and writable, or a `Duplex`; `Duplex.fromWeb` of node:stream makes a stream of Web streams",
  );
}

/** Returns whether this is a Node stream that is readable and writable, of this package's or another's `node:stream`. */
export function isStream(value: unknown): value is NodeDuplex {
  const { pipe, write } = (value ?? {}) as Partial<NodeDuplex>;
  return typeof pipe === "function" && typeof write === "function";
}

function checkKnownHosts(knownHosts: unknown): void {
  for (const file of [knownHosts].flat())
    if (file !== undefined && typeof file !== "string")
      throw new SshError("usage", "`knownHosts` must be the path of a file, or an array of paths");
}

/**
 * Options of a jump host: those of `connect`. A jump host opens no session. It inherits the destination's options about this machine, such
 * as `agent`, `knownHosts` and `limits`, unless it sets its own. Options for one host or login are never inherited, as in `ssh -J`: `port`,
 * `user`, `identities`, `password`, `prompts`, `hostKey`, `unknownHost`, …
 */
export type HopOptions = Omit<ConnectOptions, "via" | "earlyChannel" | "reconnect">;

const { via: _via, earlyChannel: _earlyChannel, reconnect: _reconnect, ...OF_HOPS } = CONNECT_OPTIONS;

export const HOP_OPTIONS: OptionRows<HopOptions> = OF_HOPS;

/**
 * A jump host: the text `"alice@bastion:2222"` with optional user and port and an IPv6 address in brackets; an object with options; or,
 * only as the first hop, a connected client, which stays open.
 */
export type Hop = string | HopOptions | Pick<Client, "dialChannel">;

/** One jump host, or several in order, nearest first. */
export type Via = Hop | readonly Hop[];
