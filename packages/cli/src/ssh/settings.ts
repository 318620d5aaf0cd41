import type { ForwardTarget } from "nacre";
import type { Destination } from "./destination.ts";
import type { ForwardArgument } from "./forward-arguments.ts";

/**
 * Whether to request a pseudo-terminal: only for a shell, never, if standard input is a terminal, or always (ssh_config(5), RequestTTY).
 */
export type RequestTty = "auto" | "no" | "yes" | "force";

/**
 * Values of the options of a command line, while they are read. `undefined` is not given. The values of a configuration file will be added
 * after those of the command line by the same functions `first` and `each`.
 */
export interface Settings {
  user?: string | undefined;
  port?: number | undefined;
  hostName?: string | undefined;
  addressFamily?: "any" | "inet" | "inet6" | undefined;
  bindAddress?: string | undefined;
  /** In milliseconds; `Infinity` for none. */
  connectTimeout?: number | undefined;
  /** In milliseconds; 0 for no keepalive. */
  serverAliveInterval?: number | undefined;
  serverAliveCountMax?: number | undefined;
  rekeyBytes?: number | undefined;
  /** In milliseconds. */
  rekeyInterval?: number | undefined;
  /** Jump hosts, nearest first. */
  jumpHosts?: readonly Destination[] | undefined;

  knownHosts?: string | undefined;
  userKnownHostsFiles?: readonly string[] | undefined;
  globalKnownHostsFiles?: readonly string[] | undefined;
  strictHostKeyChecking?: "yes" | "accept-new" | "ask" | undefined;
  acceptNew?: boolean | undefined;
  hostKeys: string[];

  identityFiles: string[];
  identitiesOnly?: boolean | undefined;
  identityAgent?: string | undefined;
  preferredAuthentications?: string | undefined;
  publickey?: boolean | undefined;
  password?: boolean | undefined;
  keyboardInteractive?: boolean | undefined;
  numberOfPasswordPrompts?: number | undefined;
  batchMode?: boolean | undefined;

  ciphers?: readonly string[] | undefined;
  macs?: readonly string[] | undefined;
  kex?: readonly string[] | undefined;

  sessionType?: "none" | "subsystem" | "default" | undefined;
  requestTty?: RequestTty | undefined;
  stdinNull?: boolean | undefined;
  forkAfterAuthentication?: boolean | undefined;
  escapeChar?: string | undefined;
  forwardAgent?: boolean | undefined;
  sendEnv: string[];
  setEnv?: readonly string[] | undefined;

  forwards: ForwardArgument[];
  stdioTarget?: ForwardTarget | undefined;
  exitOnForwardFailure?: boolean | undefined;
  clearAllForwardings?: boolean | undefined;
  gatewayPorts?: boolean | undefined;

  ignoreUnknown?: string | undefined;
  hostKeyAlgorithms?: readonly string[] | undefined;
  proxyJumpIsTyped?: boolean | undefined;
  controlPath?: string | undefined;
  controlMaster?: "no" | "yes" | "ask" | "auto" | "autoask" | undefined;
  controlCommand?: string | undefined;
  quiet?: boolean | undefined;
  verbose?: boolean | undefined;
  logFile?: string | undefined;
  trace?: boolean | undefined;
  keyLogFile?: string | undefined;
  /** Lines about values that have no effect, for the user. */
  notes: string[];
}

/** Applies the value of an option; that of a flag is `""`. */
export type Act = (settings: Settings, value: string) => void;

/** The first value counts. All are checked. */
export function first<K extends keyof Settings>(key: K, read: (value: string) => Settings[K]): Act {
  return (settings, text) => {
    const value = read(text);
    settings[key] ??= value;
  };
}

/** The last value counts. */
export function last<K extends keyof Settings>(key: K, read: (value: string) => Settings[K]): Act {
  return (settings, text) => {
    settings[key] = read(text);
  };
}

/** Every value counts. */
export function each<K extends "hostKeys" | "identityFiles" | "forwards" | "sendEnv" | "notes">(
  key: K,
  read: (value: string) => Settings[K][number],
): Act {
  return (settings, text) => {
    (settings[key] as Settings[K][number][]).push(read(text));
  };
}

/** Returns settings without a value. */
export function noSettings(): Settings {
  return { hostKeys: [], identityFiles: [], sendEnv: [], forwards: [], notes: [] };
}

/** Returns the value itself. */
export const asTyped = (value: string): string => value;
