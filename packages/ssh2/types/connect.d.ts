/// <reference types="node" />

import { Readable } from "stream";
import { BaseAgent } from "./agents";
import { Algorithms } from "./algorithms";
import { ParsedKey } from "./keys";

export type VerifyCallback = (valid: boolean) => void;
export type HostVerifier = (key: Buffer, verify: VerifyCallback) => void;
export type SyncHostVerifier = (key: Buffer) => boolean;
export type HostFingerprintVerifier = (fingerprint: string, verify: VerifyCallback) => boolean;
export type SyncHostFingerprintVerifier = (fingerprint: string) => boolean;
export type DebugFunction = (message: string) => void;

/** How host keys are checked without `hostVerifier`; default "known". See README, "Host keys". */
export type HostKeysMode = "strict" | "known" | "warn" | "off";

/** Options of `Client.connect`. */
export interface ConnectConfig {
  /** Default "localhost". */
  host?: string;
  /** Used in place of `host` if both are given. */
  hostname?: string;
  /** Default 22. */
  port?: number;
  forceIPv4?: boolean;
  forceIPv6?: boolean;
  /** Local address and port from which to connect. */
  localAddress?: string;
  localPort?: number;
  /** A stream to use in place of a TCP connection. */
  sock?: Readable;
  /** Hash with which `hostVerifier` gets the key, as hexadecimal digits, such as "sha256". */
  hostHash?: string;
  hostVerifier?: HostVerifier | SyncHostVerifier | HostFingerprintVerifier | SyncHostFingerprintVerifier;
  /** Only this package has it. */
  hostKeys?: HostKeysMode;
  /** Limits of Nacre; see its README. */
  limits?: Partial<Record<string, number>>;
  username?: string;
  /** Used if there is no `username`. */
  user?: string;
  password?: string;
  /** Path of an agent's socket, "pageant", or an agent. */
  agent?: BaseAgent | string;
  /** Whether the server may use the agent. */
  agentForward?: boolean;
  privateKey?: Buffer | string;
  passphrase?: Buffer | string;
  /** Names that are sent in a login by host. */
  localHostname?: string;
  localUsername?: string;
  /** Whether to try keyboard-interactive, for which the client emits an event. */
  tryKeyboard?: boolean;
  /** The methods to try in order, or a function that returns the next one. */
  authHandler?: AuthenticationType[] | AuthHandlerMiddleware | AuthMethod[];
  /** Milliseconds between keepalives; default 0, for none. */
  keepaliveInterval?: number;
  /** Keepalives without a reply after which the connection ends; default 3. */
  keepaliveCountMax?: number;
  /** Milliseconds until the login must be over; default 20,000. */
  readyTimeout?: number;
  /** Milliseconds without activity of the socket after which `timeout` is emitted; default 0, for never. */
  timeout?: number;
  /** Whether to require the exact name of a server's vendor for its extensions; default true. */
  strictVendor?: boolean;
  algorithms?: Algorithms;
  /** The software that the identification names. */
  ident?: Buffer | string;
  debug?: DebugFunction;
}

export type AuthenticationType = "none" | "password" | "publickey" | "agent" | "keyboard-interactive" | "hostbased";

/** One attempt to log in. */
export interface AuthMethod {
  type: AuthenticationType;
  username: string;
}

export interface NoAuthMethod extends AuthMethod {
  type: "none";
}

export interface PasswordAuthMethod extends AuthMethod {
  type: "password";
  password: string;
}

export interface PublicKeyAuthMethod extends AuthMethod {
  type: "publickey";
  key: ParsedKey | Buffer | string;
  passphrase?: Buffer | string;
}

export interface HostBasedAuthMethod extends AuthMethod {
  type: "hostbased";
  localHostname: string;
  localUsername: string;
  key: ParsedKey | Buffer | string;
  passphrase?: Buffer | string;
}

export interface AgentAuthMethod extends AuthMethod {
  type: "agent";
  agent: BaseAgent | string;
}

export interface KeyboardInteractiveAuthMethod extends AuthMethod {
  type: "keyboard-interactive";
  prompt(
    name: string,
    instructions: string,
    lang: string,
    prompts: Prompt[],
    finish: KeyboardInteractiveCallback,
  ): void;
}

export type AnyAuthMethod =
  | NoAuthMethod
  | PasswordAuthMethod
  | PublicKeyAuthMethod
  | HostBasedAuthMethod
  | AgentAuthMethod
  | KeyboardInteractiveAuthMethod;

export type NextAuthHandler = (authName: AuthenticationType | AnyAuthMethod) => void;

/** Chooses the next attempt. `authsLeft` is `null` before the first one. */
export type AuthHandlerMiddleware = (
  authsLeft: AuthenticationType[],
  partialSuccess: boolean,
  next: NextAuthHandler,
) => void;

/** A question of keyboard-interactive. */
export interface Prompt {
  prompt: string;
  /** Whether the answer may be shown. */
  echo?: boolean;
}

export type KeyboardInteractiveCallback = (answers: string[]) => void;
export type ChangePasswordCallback = (newPassword: string) => void;
