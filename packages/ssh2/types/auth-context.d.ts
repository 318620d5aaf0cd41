/// <reference types="node" />

import { EventEmitter } from "events";
import { AuthenticationType, ChangePasswordCallback, KeyboardInteractiveCallback, Prompt } from "./connect";
import { PublicKey } from "./keys";

/** An attempt to log in, which the application accepts or rejects. */
export interface AuthContextBase extends EventEmitter {
  username: string;
  service: string;
  method: AuthenticationType;
  accept(): void;
  /** `authMethodsLeft` are the methods that the client may try next. */
  reject(authMethodsLeft?: AuthenticationType[], isPartialSuccess?: boolean): void;
  on(event: "abort", listener: () => void): this;
  once(event: "abort", listener: () => void): this;
}

export interface NoneAuthContext extends AuthContextBase {
  method: "none";
}

export interface PasswordAuthContext extends AuthContextBase {
  method: "password";
  password: string;
  /** Asks for another password in place of this one. */
  requestChange(prompt: string, cb: ChangePasswordCallback): void;
}

/** A key that the client offers. `signature` is undefined while it only asks whether the key would be accepted. */
export interface PublicKeyAuthContext extends AuthContextBase {
  method: "publickey";
  key: PublicKey;
  signature?: Buffer;
  /** What is signed. */
  blob?: Buffer;
  hashAlgo?: string;
}

export interface HostbasedAuthContext extends AuthContextBase {
  method: "hostbased";
  key: PublicKey;
  signature: Buffer;
  blob: Buffer;
  localHostname: string;
  localUsername: string;
}

type Prompts = string | Prompt | Array<string | Prompt>;

export interface KeyboardAuthContext extends AuthContextBase {
  method: "keyboard-interactive";
  submethods: string[];
  prompt(prompts: Prompts, callback: KeyboardInteractiveCallback): void;
  prompt(prompts: Prompts, title: string, callback: KeyboardInteractiveCallback): void;
  prompt(prompts: Prompts, title: string, instructions: string, callback: KeyboardInteractiveCallback): void;
}

export type AuthContext =
  | NoneAuthContext
  | PasswordAuthContext
  | PublicKeyAuthContext
  | HostbasedAuthContext
  | KeyboardAuthContext;

export {};
