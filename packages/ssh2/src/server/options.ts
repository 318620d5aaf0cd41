import { fingerprint, nodeUserKeys } from "@nacre/node";
import { MAX_MILLISECONDS, type Overrides } from "@nacre/wire";
import {
  type AlgorithmOptions,
  type BaseSession,
  checkOptions,
  SERVE_OPTIONS,
  type ServeOptions,
  type ServerLimits,
  type ServerProvider,
} from "nacre/extend";
import { checkServeOptions } from "nacre/internal-on-demand";
import { readAlgorithms, type Ssh2Algorithms } from "../algorithms.ts";
import { ssh2Error } from "../errors.ts";
import { softwareVersionOf } from "../ident.ts";
import { minRsaBits } from "../keys/rsa-size.ts";
import { LISTED_METHODS, UNLISTED_METHODS } from "./auth/methods.ts";
import { type HostKeySource, readHostKeys } from "./host-keys.ts";

/** Options of `Server`. Unknown ones are ignored. */
export interface ServerConfig {
  /** Private keys of the server. The first of each type counts. */
  readonly hostKeys: readonly HostKeySource[];
  readonly algorithms?: Ssh2Algorithms;
  /** Lines that are sent before the identification string, before anything is encrypted. */
  readonly greeting?: string;
  /** Text for clients to show before the login. */
  readonly banner?: string;
  /** Software version in the identification string. */
  readonly ident?: string | Buffer;
  /** Without effect, as in ssh2. */
  readonly highWaterMark?: number;
  /** Milliseconds of silence after which a client is probed; 0 and less take the default, `Server.KEEPALIVE_CLIENT_INTERVAL`. */
  readonly keepaliveInterval?: number;
  /** Unanswered probes after which the connection ends; default `Server.KEEPALIVE_CLIENT_COUNT_MAX`. */
  readonly keepaliveCountMax?: number;
  readonly debug?: (line: string) => void;
  /** Limits that override those of Nacre. */
  readonly limits?: Overrides<ServerLimits>;
}

/**
 * Software version of a server without `ident`. Like ssh2's, it has two digits in a row, which clients with `strictVendor` take for a
 * version of OpenSSH. So they send OpenSSH's requests.
 */
const SOFTWARE_VERSION = "Nacre_1.17_ssh2";

/** Default probes. Probing is off if either value is not a positive number. */
export interface KeepaliveDefaults {
  readonly interval: unknown;
  readonly count: unknown;
}

/** Options of `serveDuplex` that all connections of a server share. */
export type SharedOptions = Omit<ServeOptions<BaseSession>, "authenticate"> &
  ServerProvider & { readonly algorithms: AlgorithmOptions };

/** Reads the options of a server. Throws ssh2's errors for those that are invalid. */
export function readOptions(config: ServerConfig): Omit<SharedOptions, "limits"> {
  if (typeof config !== "object" || config === null) throw ssh2Error("Missing configuration object");
  const { hostKeys, greeting, banner, ident } = config;
  const keys = readHostKeys(hostKeys);
  const { algorithms } = readAlgorithms(config.algorithms, "server");
  return {
    hostKeys: keys,
    algorithms,
    // ssh2 has no certificates. An application that compares raw keys must not receive one.
    userKeys: nodeUserKeys.filter(({ certificate, name }) => certificate === undefined && !name.startsWith("sk-")),
    methods: [...UNLISTED_METHODS, ...LISTED_METHODS],
    loginMethods: [],
    fingerprint,
    minRsaBits: minRsaBits(),
    announceHostKeys: false,
    softwareVersion: softwareVersionOf(ident) ?? SOFTWARE_VERSION,
    unrestricted: true,
    ...(typeof greeting === "string" && greeting !== "" && { greeting }),
    // ssh2 ends the line.
    ...(typeof banner === "string" && banner !== "" && { banner: banner.endsWith("\r\n") ? banner : `${banner}\r\n` }),
  };
}

/** Throws `usage` for options that Nacre does not take, so that a server fails at once and not with its first client. */
export function checkServerOptions({ loginMethods, fingerprint: own, ...options }: SharedOptions): void {
  checkOptions({ ...options, authenticate: refuse }, SERVE_OPTIONS, "`Server`");
  // Without host keys every key exchange fails, as in ssh2.
  if (options.hostKeys.length > 0)
    checkServeOptions({ ...options, loginMethods, fingerprint: own, authenticate: refuse });
}

function refuse(): false {
  return false;
}

/** Returns the limits of a new connection: `defaults` are the values that the class `Server` has now. */
export function limitsOf(config: ServerConfig, defaults: KeepaliveDefaults): Overrides<ServerLimits> {
  const interval = [config.keepaliveInterval, defaults.interval].find(isAbove0);
  const count = [config.keepaliveCountMax, defaults.count].find((one) => isAbove0(one) || one === 0);
  const probes =
    interval === undefined || count === undefined
      ? { keepaliveInterval: 0 }
      : {
          keepaliveInterval: Math.min(Math.ceil(interval as number), MAX_MILLISECONDS),
          keepaliveCount: Math.max(1, Math.floor(count as number)),
        };
  return { ...probes, ...config.limits };
}

function isAbove0(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}
