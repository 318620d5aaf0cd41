/// <reference types="node" />

import { Duplex } from "stream";
import { KnownPublicKeys, ParsedKey } from "./keys";

export type IdentityCallback<T extends string | Buffer | ParsedKey = string | Buffer | ParsedKey> = (
  err?: Error | null,
  keys?: KnownPublicKeys<T>,
) => void;
export type SignCallback = (err?: Error | null, signature?: Buffer) => void;
export type GetStreamCallback = (err?: Error | null, stream?: Duplex) => void;

export interface SigningRequestOptions {
  /** Hash of an RSA signature; default SHA-1. */
  hash?: "sha1" | "sha256" | "sha512";
}

/** What a client logs in with: keys and their signatures. Applications extend it. */
export abstract class BaseAgent<TPublicKey extends string | Buffer | ParsedKey = string | Buffer | ParsedKey> {
  abstract getIdentities(cb: IdentityCallback<TPublicKey>): void;
  abstract sign(pubKey: TPublicKey, data: Buffer, options: SigningRequestOptions, cb?: SignCallback): void;
  abstract sign(pubKey: TPublicKey, data: Buffer, cb: SignCallback): void;
  /** Opens a connection to the agent, for the option `agentForward`. */
  getStream?(cb: GetStreamCallback): void;
}

/** An agent at a socket or a named pipe. */
export class OpenSSHAgent extends BaseAgent<ParsedKey> {
  readonly socketPath: string;
  constructor(socketPath: string);
  getIdentities(cb: IdentityCallback<ParsedKey>): void;
  sign(pubKey: ParsedKey | Buffer | string, data: Buffer, options?: SigningRequestOptions, cb?: SignCallback): boolean;
  sign(pubKey: ParsedKey | Buffer | string, data: Buffer, cb?: SignCallback): boolean;
  getStream(cb: GetStreamCallback): void;
}

/** An agent of Cygwin, at a file that has its port. */
export class CygwinAgent extends OpenSSHAgent {}

/** Pageant, at its named pipe. */
export class PageantAgent extends OpenSSHAgent {}

/** Returns Pageant for "pageant", otherwise the agent at this path. */
export function createAgent(socketPath: string): BaseAgent;

/** A request that `AgentProtocol` has received. It is passed back with the reply. */
export interface AgentInboundRequest {
  __opaque_type: never;
}

interface AgentProtocolEvents {
  identities: [req: AgentInboundRequest];
  sign: [req: AgentInboundRequest, pubKey: ParsedKey, data: Buffer, options: SigningRequestOptions];
}

/** The protocol of agents over a stream, for either side. */
export class AgentProtocol extends Duplex {
  constructor(isClient: boolean);
  failureReply(request: AgentInboundRequest): void;
  getIdentities(callback: (err: Error | undefined, publicKeys?: ParsedKey[]) => void): void;
  getIdentitiesReply(request: AgentInboundRequest, keys: ParsedKey[]): void;
  sign(
    pubKey: ParsedKey | Buffer | string,
    data: Buffer,
    options?: SigningRequestOptions,
    callback?: SignCallback,
  ): boolean;
  sign(pubKey: ParsedKey | Buffer | string, data: Buffer, callback?: SignCallback): boolean;
  signReply(request: AgentInboundRequest, signature: Buffer): void;

  on<E extends keyof AgentProtocolEvents>(event: E, listener: (...values: AgentProtocolEvents[E]) => void): this;
  on(event: string | symbol, listener: Function): this;
  once<E extends keyof AgentProtocolEvents>(event: E, listener: (...values: AgentProtocolEvents[E]) => void): this;
  once(event: string | symbol, listener: Function): this;
}

export {};
