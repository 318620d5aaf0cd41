import { getHashes } from "node:crypto";
import type { Duplex } from "node:stream";
import type { TransportAlgorithms } from "@nacre/transport";
import { checkLimits, type ConnectOptions as NacreOptions, PROTOCOL_LIMITS } from "nacre/extend";
import { type BaseAgent, createAgent, isAgent } from "../agent/agents.ts";
import { readAlgorithms, type Ssh2Algorithms } from "../algorithms.ts";
import { ssh2Error } from "../errors.ts";
import { softwareVersionOf } from "../ident.ts";
import { type ParsedKey, parseKey } from "../keys/parse-key.ts";
import { minRsaBits } from "../keys/rsa-size.ts";
import { type HostKeyMode, hostKeyMode } from "./host-key-mode.ts";

/** Options of `connect`, as a program passes them: any may have any value. */
export type ConnectConfig = Readonly<Partial<Record<ConnectOption, unknown>>>;

type ConnectOption =
  | Exclude<keyof ClientConfig, "allowAgentFwd" | "hostHashAlgo" | "hostHashCb">
  | "hostname"
  | "user"
  | "passphrase"
  | "agentForward"
  | "hostVerifier"
  | "hostHash"
  | "algorithms"
  | "sock"
  | "timeout"
  | "hostKeys"
  | "limits";

/** The field `config` of a client: options after their defaults, under ssh2's names. */
export interface ClientConfig {
  host: string | undefined;
  port: number | undefined;
  localAddress: string | undefined;
  localPort: string | number | undefined;
  forceIPv4: boolean | undefined;
  forceIPv6: boolean | undefined;
  /** Unanswered keepalives after which the connection ends. */
  keepaliveCountMax: number | undefined;
  /** Milliseconds between keepalives; 0 for none. */
  keepaliveInterval: number | undefined;
  /** Milliseconds from `connect` to "ready"; 0 for no limit. */
  readyTimeout: number | undefined;
  ident: string | Buffer | undefined;
  username: string | undefined;
  password: string | undefined;
  privateKey: string | Buffer | undefined;
  localHostname?: string | undefined;
  localUsername?: string | undefined;
  tryKeyboard: boolean | undefined;
  agent: BaseAgent | undefined;
  allowAgentFwd: boolean | undefined;
  authHandler: AuthHandler | readonly unknown[] | undefined;
  hostHashAlgo: undefined;
  hostHashCb: undefined;
  /** Whether requests of OpenSSH are sent only to its servers. */
  strictVendor: boolean | undefined;
  debug: ((line: string) => void) | undefined;
}

/** Chooses the next attempt to log in, by its result or by `next`. */
export type AuthHandler = (
  methodsLeft: readonly string[] | null,
  partialSuccess: boolean | null,
  next: (attempt: unknown) => void,
) => unknown;

/** Decides about a host key, by its result or by `verify`. */
export type HostVerifier = (key: Buffer | string, verify: (isPermitted: unknown) => void) => unknown;

/** Options of `connect` after all checks. */
export interface ConnectSettings {
  readonly config: ClientConfig;
  readonly privateKey: ParsedKey | undefined;
  readonly algorithms: TransportAlgorithms;
  /** Algorithms of host certificates, for a host whose authority is in known_hosts. */
  readonly hostCertificates: TransportAlgorithms["hostKeys"];
  readonly softwareVersion: string | undefined;
  readonly hostVerifier: HostVerifier | undefined;
  /** Name of the hash whose hex digest `hostVerifier` gets in place of the key. */
  readonly hostHash: string | undefined;
  readonly hostKeys: HostKeyMode;
  readonly minRsaBits: number;
  readonly sock: Duplex | undefined;
  /** Milliseconds of silence until the event "timeout"; 0 for none. */
  readonly timeout: number;
  readonly limits: NacreOptions["limits"];
}

/** Returns the `config` of a client that has not connected yet. */
export function emptyConfig(): ClientConfig {
  return {
    host: undefined,
    port: undefined,
    localAddress: undefined,
    localPort: undefined,
    forceIPv4: undefined,
    forceIPv6: undefined,
    keepaliveCountMax: undefined,
    keepaliveInterval: undefined,
    readyTimeout: undefined,
    ident: undefined,
    username: undefined,
    password: undefined,
    privateKey: undefined,
    tryKeyboard: undefined,
    agent: undefined,
    allowAgentFwd: undefined,
    authHandler: undefined,
    hostHashAlgo: undefined,
    hostHashCb: undefined,
    strictVendor: undefined,
    debug: undefined,
  };
}

/** Checks the options of `connect`. Throws ssh2's errors, in ssh2's order. A value of a wrong type counts as missing, as in ssh2. */
export function readOptions(given: ConnectConfig): ConnectSettings {
  const { algorithms, hostCertificates } = readAlgorithms(given.algorithms as Ssh2Algorithms | undefined, "client");
  const username = textOf(given.username) ?? textOf(given.user);
  if (username === undefined) throw ssh2Error("Invalid username");
  const agent = agentOf(given.agent);
  if (given.agentForward === true && agent === undefined)
    throw ssh2Error("You must set a valid agent path to allow agent forwarding");
  const config: ClientConfig = {
    ...emptyConfig(),
    host: (given.hostname as string | undefined) || (given.host as string | undefined) || "localhost",
    port: (given.port as number | undefined) || 22,
    localAddress: textOf(given.localAddress),
    localPort: typeof given.localPort === "number" ? given.localPort : textOf(given.localPort),
    forceIPv4: Boolean(given.forceIPv4),
    forceIPv6: Boolean(given.forceIPv6),
    keepaliveCountMax: numberFrom(given.keepaliveCountMax, 0) ?? 3,
    keepaliveInterval: numberFrom(given.keepaliveInterval, 0) ?? 0,
    readyTimeout: numberFrom(given.readyTimeout, 0) ?? 20_000,
    ident: textOrBytes(given.ident),
    username,
    password: textOf(given.password),
    privateKey: textOrBytes(given.privateKey),
    localHostname: textOf(given.localHostname),
    localUsername: textOf(given.localUsername),
    tryKeyboard: given.tryKeyboard === true,
    agent,
    allowAgentFwd: given.agentForward === true,
    authHandler:
      typeof given.authHandler === "function" || Array.isArray(given.authHandler)
        ? (given.authHandler as AuthHandler | readonly unknown[])
        : undefined,
    strictVendor: typeof given.strictVendor === "boolean" ? given.strictVendor : true,
    debug: typeof given.debug === "function" ? (given.debug as (line: string) => void) : undefined,
  };
  return {
    config,
    privateKey: config.privateKey ? readPrivateKey(config.privateKey, given.passphrase) : undefined,
    algorithms,
    hostCertificates,
    softwareVersion: softwareVersionOf(config.ident),
    hostVerifier: typeof given.hostVerifier === "function" ? (given.hostVerifier as HostVerifier) : undefined,
    hostHash: typeof given.hostHash === "string" ? getHashes().find((name) => name === given.hostHash) : undefined,
    hostKeys: hostKeyMode(given.hostKeys),
    minRsaBits: minRsaBits(),
    sock: (given.sock as Duplex | undefined) || undefined,
    timeout: typeof given.timeout === "number" ? given.timeout : 0,
    limits: limitsOf(given.limits, config.readyTimeout ?? 0),
  };
}

/**
 * Returns Nacre's limits for one connection. The option `readyTimeout` bounds the handshake, and keepalives are sent only if an option asks
 * for them. Throws for an invalid limit.
 */
function limitsOf(given: unknown, readyTimeout: number): NacreOptions["limits"] {
  const limits = given as NacreOptions["limits"];
  checkLimits(limits, PROTOCOL_LIMITS);
  const { authTimeout, kexTimeout } = PROTOCOL_LIMITS.ranges;
  const atLeast = ({ default: usual, most }: { readonly default: number; readonly most: number }): number =>
    Math.min(Math.max(usual, readyTimeout), most);
  return {
    keepaliveInterval: 0,
    // Without a limit, an `authHandler` may wait for a user as long as it likes.
    authTimeout: readyTimeout === 0 ? authTimeout.most : atLeast(authTimeout),
    kexTimeout: atLeast(kexTimeout),
    ...limits,
  };
}

function readPrivateKey(text: string | Buffer, passphrase: unknown): ParsedKey {
  const parsed = parseKey(text, passphrase as string | Buffer | undefined);
  if (parsed instanceof Error) throw ssh2Error(`Cannot parse privateKey: ${parsed.message}`);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key?.isPrivateKey() !== true) throw ssh2Error("privateKey value does not contain a (valid) private key");
  return key;
}

function agentOf(given: unknown): BaseAgent | undefined {
  if (typeof given === "string" && given.length > 0) return createAgent(given);
  return isAgent(given) ? given : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function textOrBytes(value: unknown): string | Buffer | undefined {
  return typeof value === "string" || Buffer.isBuffer(value) ? value : undefined;
}

function numberFrom(value: unknown, least: number): number | undefined {
  return typeof value === "number" && value >= least ? value : undefined;
}
