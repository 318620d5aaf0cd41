import type { Duplex as NodeDuplex } from "node:stream";
import { type Overrides, SshError, type SshErrorCode } from "@nacre/wire";
import {
  type ChannelTimeoutsOptions,
  type ClientLimits,
  type ClientUsers,
  channelTimeouts,
  checkReconnect,
  checkUser,
  type Duplex,
  type HostKey,
  type HostKeyOption,
  type HostKeysConnectOptions,
  hostKeysClient,
  joinUsers,
  type OptionRows,
  type PresentedHostKey,
  type ReconnectOptions,
  type ScopedRows,
  type ConnectOptions as StreamConnectOptions,
} from "nacre/extend";
import {
  type Config,
  checkCommandTimeout,
  checkConfig,
  type LoadConfigOptions,
  type ResolvedConfig,
} from "../config/config.ts";
import { nodeAlgorithms } from "../crypto/algorithms.ts";
import type { CryptoChoice } from "../crypto/private-key.ts";
import { accountName } from "../keys/account.ts";
import { type AddedKeyOptions, checkAddedKeys } from "../keys/added-keys.ts";
import { isFileText } from "../keys/files.ts";
import { type ForwardAgentOptions, forwardAgent } from "../keys/forward-agent.ts";
import type { IdentitySources } from "../keys/identities.ts";
import type { PassphraseSource } from "../keys/identity-file.ts";
import { checkKnownHosts, checkPaths, type KnownHostsOptions } from "../keys/known-hosts-options.ts";
import type { HostKeyUpdate } from "../keys/known-hosts-update.ts";
import { checkConnectionAttempts, checkConnectTimeout, checkHost, checkLocalAddress, checkPort } from "../net/dial.ts";
import { checkProxy } from "../net/proxy/proxy-url.ts";
import type { Client } from "./client.ts";
import { type EnvironmentOptions, environment } from "./environment.ts";
import { checkProxyCommand, type WayOptions } from "./way.ts";

/** Options that the users in the list add to `connect`. */
export interface UserConnectOptions extends ChannelTimeoutsOptions, EnvironmentOptions, ForwardAgentOptions {}

/** Options of `connect`: the host, and settings that differ from OpenSSH's defaults. */
export interface ConnectOptions
  extends Omit<StreamConnectOptions, "user" | "hostKey" | "identities" | "limits">,
    UserConnectOptions,
    Pick<WayOptions, "addressFamily" | "connectionAttempts" | "localAddress" | "proxy" | "proxyCommand">,
    LoadConfigOptions {
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
  /**
   * Configuration of this host in the format of ssh_config(5): true for `~/.ssh/config` and `/etc/ssh/ssh_config`, the path of a file, or
   * what `loadConfig` or `resolveConfig` returned; default false, and true if `connect` is called with a text. Options that are given here
   * precede it. A jump host that it names, or that `via` names by a text, is resolved from the same files.
   */
  readonly config?: boolean | string | Config | ResolvedConfig | undefined;
  /**
   * Returns options for a jump host that the configuration names, such as `password` or `prompts`. A jump host inherits those about this
   * machine anyway; see `via`.
   */
  readonly jumpOptions?: ((hop: JumpHost) => Partial<HopOptions> | undefined) | undefined;
  /** Login name; default the account that runs this program. */
  readonly user?: string | undefined;
  /**
   * Login keys in the order in which to try them; default the agent's keys, and `~/.ssh/id_ed25519`, `id_ecdsa` and `id_rsa`, if they
   * exist, and with an agent `id_ed25519_sk` and `id_ecdsa_sk`. If the agent also holds a file's key, the agent signs, so no passphrase is
   * needed; such keys come first. A path may also name the public key file of an agent's key. An entry may be a promise, also of several
   * keys: `[agentIdentities(path)]`.
   *
   * A certificate `id_x-cert.pub` beside `id_x` is tried before the key. A path may name one, whose private key is beside it, in the agent
   * or among the others; an entry `{ certificate, key }` has both.
   */
  readonly identities?: IdentitySources | undefined;
  /**
   * Files of login keys to try if `identities` is not given; default `~/.ssh/id_ed25519`, `id_ecdsa` and `id_rsa`. A missing file is left
   * out, and one that cannot be used is left out with a warning.
   */
  readonly identityFiles?: readonly string[] | undefined;
  /**
   * Files of certificates to try first, in place of those beside the key files (ssh_config(5), CertificateFile). Their private keys are
   * beside them, in the agent or among the other keys. A missing file is left out, and one that cannot be used is left out with a warning.
   */
  readonly certificateFiles?: readonly string[] | undefined;
  /** Whether to leave out the agent's keys that are not those of a file (ssh_config(5), IdentitiesOnly); default false. */
  readonly identitiesOnly?: boolean | undefined;
  /**
   * Names of the signature algorithms that login keys may use (ssh_config(5), PubkeyAcceptedAlgorithms), such as `"rsa-sha2-512"`; default
   * all. A key without one of these is left out.
   */
  readonly identityAlgorithms?: readonly string[] | undefined;
  /**
   * SSH agent: the path of its socket or pipe, or true for the one at SSH_AUTH_SOCK. It must then be available, and all its keys are tried,
   * after those of files that it holds. False disables the agent. By default, the agent at SSH_AUTH_SOCK is used if it responds; on Windows
   * without SSH_AUTH_SOCK that of OpenSSH, or Pageant. An agent that fails during the login is only a warning if there are other keys.
   */
  readonly agent?: boolean | string | undefined;
  /** Whether to add the key of a file to the agent after it has logged in (ssh_config(5), AddKeysToAgent), and how; default false. */
  readonly addKeysToAgent?: boolean | AddedKeyOptions | undefined;
  /**
   * Passphrase for encrypted key files, or a function that returns it. The function receives the file's path and the attempt (1 to 3) when
   * a key is needed. If it returns `undefined`, the key is skipped.
   */
  readonly passphrase?: PassphraseSource | undefined;
  /**
   * How to verify the host key. By default it is looked up in known_hosts, and an unknown host is refused (`host-key-unknown`).
   * `"accept-new"` accepts and adds unknown hosts. `"restrict-changed"` also goes on, with a warning, when the key of a known host has
   * changed, but without passwords, keyboard-interactive, agent forwarding and forwarded connections, as `ssh` does with
   * StrictHostKeyChecking no; with `reconnect` it refuses a changed key. One or more fingerprints in the format of `ssh-keygen -l`
   * (`"SHA256:…"`) pin the key, and a function decides about it; it also gets the `host` and `port`. In both cases known_hosts is not read.
   */
  readonly hostKey?: HostKeyOption;
  /** Name of the host in known_hosts and certificates, in place of the host and port (ssh_config(5), HostKeyAlias). */
  readonly hostKeyAlias?: string | undefined;
  /**
   * Names of the signature algorithms by which authorities of known_hosts may sign host certificates (ssh_config(5),
   * CASignatureAlgorithms), such as `["ssh-ed25519"]`; default all. SHA-1 is never accepted.
   */
  readonly caSignatureAlgorithms?: readonly string[] | undefined;
  /** Decides about the key of a host that is not in known_hosts: true accepts and adds it. Not called if `hostKey` is set. */
  readonly unknownHost?: ((hostKey: PresentedHostKey) => boolean | Promise<boolean>) | undefined;
  /**
   * Path or paths of known_hosts files; default `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts`. Missing files count as empty. New
   * hosts are added to the first file. An object has more settings.
   */
  readonly knownHosts?: string | readonly string[] | KnownHostsOptions | undefined;
  /**
   * Path or paths of files with keys that are refused as host keys and as their authorities, also with `hostKey` (ssh_config(5),
   * RevokedHostKeys): public keys, one a line, or a list of `ssh-keygen -k`. If a file is missing or invalid, `connect` rejects.
   */
  readonly revokedHostKeys?: string | readonly string[] | undefined;
  /** Called when the key of a new host has been added to known_hosts, with the name that it has there before it is hashed. */
  readonly hostKeyAdded?: ((name: string, hostKey: HostKey) => void) | undefined;
  /** Called with the host key once it is accepted. The login waits for a promise. */
  readonly hostKeyAccepted?: ((hostKey: HostKey) => void | Promise<void>) | undefined;
  /**
   * Whether the server may replace its keys in known_hosts: true, or a function that returns true for a change (ssh_config(5),
   * UpdateHostKeys). Default false: files of the user do not change unasked; with `config` as in ssh, which is true unless the files or
   * `knownHosts` name another known_hosts. Only for hosts that the user's files know, without patterns and other names, and only after the
   * server has proved each new key.
   */
  readonly updateHostKeys?: boolean | ((update: HostKeyUpdate) => boolean | Promise<boolean>) | undefined;
  /**
   * Hash of the fingerprints in errors, in warnings and for `updateHostKeys` (ssh_config(5), FingerprintHash); default `"sha256"`. Those of
   * other functions and of `hostKey` are always SHA-256.
   */
  readonly fingerprintHash?: "sha256" | "md5" | undefined;
  /**
   * Cryptographic implementation: `"node"` (node:crypto, the default) or `"noble"`, the portable code used in browsers, several times
   * slower. Explicit `algorithms` override it.
   */
  readonly crypto?: CryptoChoice | undefined;
  /**
   * Time limit in milliseconds for the TCP connection, the server's identification and the first key exchange together, from the login at
   * the previous jump host if there is one. The time that your callbacks take does not count. Default 15,000 for the TCP connection alone,
   * times `connectionAttempts`; `limits.kexTimeout` bounds the key exchange in any case, and `limits.authTimeout` the login.
   */
  readonly connectTimeout?: number | undefined;
  /**
   * Whether to connect again when the connection is lost; default false. Pending commands and open connections then fail once with
   * `connection-lost`, nothing runs twice, new calls wait up to 30 seconds, and listeners stay. `unknownHost` is not called again: an
   * unknown host key is accepted only if it was accepted before. The first connection must succeed. The client ends with `close()`,
   * an abort of `signal` while there is no connection, or an error that is not the network's, such as another host key. Keepalives are
   * sent after 15 seconds, unless `limits` say otherwise.
   */
  readonly reconnect?: boolean | ReconnectOptions | undefined;
  /** Limits that override the defaults. */
  readonly limits?: Overrides<ClientLimits> | undefined;
  /**
   * Called with a one-line warning, safe to display, for each malformed known_hosts line and each unusable default key file. `code` is
   * `"agent-failed"` for an agent that is not used because it cannot be reached or lists no keys.
   */
  readonly warn?: ((text: string, code?: SshErrorCode) => void) | undefined;
}

/** The users of a client's connections that begin with the login, with what Node adds to them. */
const clientList: {
  readonly channelTimeouts: typeof channelTimeouts;
  readonly forwardAgent: typeof forwardAgent;
  readonly environment: typeof environment;
  readonly hostKeysClient: typeof hostKeysClient;
} = {
  channelTimeouts,
  forwardAgent,
  environment,
  hostKeysClient,
};

export const CLIENT_USERS: ClientUsers<
  StreamConnectOptions & ChannelTimeoutsOptions & EnvironmentOptions & ForwardAgentOptions & HostKeysConnectOptions
> = joinUsers(clientList);

export const CONNECT_OPTIONS: ScopedRows<ConnectOptions> = {
  ...CLIENT_USERS.options,
  host: { check: checkHost, scope: "host" },
  port: { check: (port = 22) => checkPort(port, 1), default: 22, scope: "host" },
  duplex: { check: checkDuplex, scope: "host" },
  via: { scope: "host" },
  config: { check: checkConfig, scope: "host" },
  commands: { type: "boolean", scope: "machine" },
  commandTimeout: { check: checkCommandTimeout, scope: "machine" },
  jumpOptions: { type: "function", scope: "host" },
  user: { check: (user = accountName()) => checkUser(user), scope: "host" },
  identities: { type: "array", scope: "host" },
  identityFiles: { type: "array", check: (files) => checkFiles("identityFiles", files), scope: "host" },
  certificateFiles: { type: "array", check: (files) => checkFiles("certificateFiles", files), scope: "host" },
  identitiesOnly: { type: "boolean", scope: "host" },
  identityAlgorithms: { type: "array", check: checkIdentityAlgorithms, scope: "host" },
  agent: { type: "boolean or string", scope: "machine" },
  addKeysToAgent: { type: "boolean or object", check: checkAddedKeys, scope: "machine" },
  passphrase: { type: "string or function", scope: "machine" },
  hostKey: { scope: "host" },
  hostKeyAlias: { type: "string", scope: "host" },
  caSignatureAlgorithms: { type: "array", check: checkNames, scope: "machine" },
  unknownHost: { type: "function", scope: "host" },
  knownHosts: { check: checkKnownHosts, scope: "machine" },
  revokedHostKeys: { type: "string or array", check: checkPaths, scope: "machine" },
  hostKeyAdded: { type: "function", scope: "host" },
  hostKeyAccepted: { type: "function", scope: "host" },
  updateHostKeys: { type: "boolean or function", scope: "machine" },
  fingerprintHash: { type: ["sha256", "md5"], scope: "machine" },
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

function checkFiles(name: string, files: readonly string[] = []): void {
  if (!files.every((file) => typeof file === "string" && !isFileText(file)))
    throw new SshError("usage", `\`${name}\` must be an array of paths`);
}

function checkIdentityAlgorithms(names: readonly string[] = []): void {
  const known = nodeAlgorithms.hostKeys.map(({ name }) => name);
  for (const name of names)
    if (!known.includes(name))
      throw new SshError("usage", `\`identityAlgorithms\` must be an array of names; expected ${known.join(", ")}`);
}

function checkNames(names: readonly string[] = []): void {
  if (!names.every((name) => typeof name === "string"))
    throw new SshError("usage", "`caSignatureAlgorithms` must be an array of names of algorithms");
}

/** Returns whether this is a Node stream that is readable and writable, of this package's or another's `node:stream`. */
export function isStream(value: unknown): value is NodeDuplex {
  const { pipe, write } = (value ?? {}) as Partial<NodeDuplex>;
  return typeof pipe === "function" && typeof write === "function";
}

/**
 * Options of a jump host: those of `connect`. A jump host opens no session, and its channel has no timeout. It inherits the destination's
 * options about this machine, such as `agent`, `knownHosts` and `limits`, unless it sets its own. Options for one host or login are never
 * inherited, as in `ssh -J`: `port`, `user`, `identities`, `password`, `prompts`, `hostKey`, `unknownHost`, …
 */
export type HopOptions = Omit<ConnectOptions, "via" | "earlyChannel" | "reconnect" | "jumpOptions" | "channelTimeouts">;

const {
  via: _via,
  earlyChannel: _earlyChannel,
  reconnect: _reconnect,
  jumpOptions: _jumpOptions,
  channelTimeouts: _channelTimeouts,
  ...OF_HOPS
} = CONNECT_OPTIONS;

export const HOP_OPTIONS: OptionRows<HopOptions> = OF_HOPS;

/**
 * A jump host: the text `"alice@bastion:2222"` with optional user and port and an IPv6 address in brackets, or several with commas, as for
 * `ssh -J`; an object with options; or, only as the first hop, a connected client, which stays open.
 */
export type Hop = string | HopOptions | Pick<Client, "dialChannel">;

/** A jump host of a configuration, as the file or `via` names it, with the user and port that it is connected to. */
export interface JumpHost {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Its configuration from the files. */
  readonly config: ResolvedConfig;
}

/** One jump host, or several in order, nearest first. */
export type Via = Hop | readonly Hop[];
