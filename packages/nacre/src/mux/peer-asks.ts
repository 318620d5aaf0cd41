import type { ConnectionEvent } from "@nacre/connection";
import { type AskToken } from "@nacre/wire";
import type { Channel } from "./channel.ts";

/** Executes decisions about the peer's channel opens and global requests. */
export interface PeerAsks {
  acceptOpen(token: AskToken): Channel | undefined;
  rejectOpen(token: AskToken, reasonCode: number, description: string): void;
  answerGlobal(token: AskToken, success: boolean, data: Uint8Array | undefined): void;
}

/** A channel that the peer wants to open (RFC 4254 §5.1). Answer it exactly once, now or later. */
export class PeerOpen {
  readonly channelType: string;
  /** Type-specific data, which follows the maximum packet size in the message. */
  readonly data: Uint8Array;
  readonly #asks: Pick<PeerAsks, "acceptOpen" | "rejectOpen">;
  readonly #token: AskToken;
  #answered = false;

  constructor(
    asks: Pick<PeerAsks, "acceptOpen" | "rejectOpen">,
    { channelType, data, token }: Extract<ConnectionEvent, { type: "open-request" }>,
  ) {
    this.#asks = asks;
    this.channelType = channelType;
    this.data = data;
    this.#token = token;
  }

  /** Whether `accept` or `reject` was called. */
  get answered(): boolean {
    return this.#answered;
  }

  /**
   * Accepts the open and returns the channel. Returns `undefined` if the connection has ended, or has reached its channel limit. Throws
   * `usage` if the open is already answered.
   */
  accept(): Channel | undefined {
    this.#answered = true;
    return this.#asks.acceptOpen(this.#token);
  }

  /** Refuses the open with a `CHANNEL_OPEN_FAILURE_REASON` and a human-readable text. Throws `usage` if the open is already answered. */
  reject(reasonCode: number, description: string): void {
    this.#answered = true;
    this.#asks.rejectOpen(this.#token, reasonCode, description);
  }
}

/**
 * A global request of the peer (RFC 4254 §4). If it wants a reply, answer it exactly once, now or later. Replies are sent in the order of
 * the requests.
 */
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

  /**
   * Sends the reply. `data` is request-specific and sent only with success. No effect if the request wants no reply. Throws `usage` if the
   * request is already answered.
   */
  reply(success: boolean, data?: Uint8Array): void {
    this.#answered = true;
    if (this.#token !== undefined) this.#asks.answerGlobal(this.#token, success, data);
  }
}
