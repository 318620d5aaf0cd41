import type { ConnectionEvent } from "@nacre/connection";
import { type AskToken } from "@nacre/wire";
import type { Channel } from "./channel.ts";

/** Carries out decisions about the peer's opens and global requests. */
export interface PeerAsks {
  acceptOpen(token: AskToken): Channel | undefined;
  rejectOpen(token: AskToken, reasonCode: number, description: string): void;
  answerGlobal(token: AskToken, success: boolean, data: Uint8Array | undefined): void;
}

/** A channel that the peer wants to open (RFC 4254 §5.1). Answer it once, now or later. */
export class PeerOpen {
  readonly channelType: string;
  /** The data of its type, after the maximum packet size. */
  readonly data: Uint8Array;
  readonly #asks: PeerAsks;
  readonly #token: AskToken;
  #answered = false;

  constructor(asks: PeerAsks, { channelType, data, token }: Extract<ConnectionEvent, { type: "open-request" }>) {
    this.#asks = asks;
    this.channelType = channelType;
    this.data = data;
    this.#token = token;
  }

  /** Whether `accept` or `reject` was called. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Opens the channel. Returns `undefined` if the connection has ended, or has no room for one more channel. Throws `usage` if the open is answered already. */
  accept(): Channel | undefined {
    this.#answered = true;
    return this.#asks.acceptOpen(this.#token);
  }

  /** Refuses the channel with one of `CHANNEL_OPEN_FAILURE_REASON` and a text for people. Throws as `accept` does. */
  reject(reasonCode: number, description: string): void {
    this.#answered = true;
    this.#asks.rejectOpen(this.#token, reasonCode, description);
  }
}

/** A global request of the peer (RFC 4254 §4). If it wants a reply, answer it once, now or later; replies leave in order. */
export class PeerGlobalRequest {
  readonly name: string;
  readonly data: Uint8Array;
  readonly #asks: PeerAsks;
  readonly #token: AskToken | undefined;
  #answered = false;

  constructor(asks: PeerAsks, { requestName, data, token }: Extract<ConnectionEvent, { type: "global-request" }>) {
    this.#asks = asks;
    this.name = requestName;
    this.data = data;
    this.#token = token;
  }

  get wantReply(): boolean {
    return this.#token !== undefined;
  }

  /** Whether `reply` was called. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Replies; `data` goes with success, and depends on the request. Has no effect if no reply is wanted. Throws `usage` the second time. */
  reply(success: boolean, data?: Uint8Array): void {
    this.#answered = true;
    if (this.#token !== undefined) this.#asks.answerGlobal(this.#token, success, data);
  }
}
