import {
  type AskToken,
  askToken,
  type GlobalRequest,
  SSH_MSG_GLOBAL_REQUEST,
  SSH_MSG_REQUEST_FAILURE,
  SSH_MSG_REQUEST_SUCCESS,
  SshError,
} from "@nacre/wire";
import type { ConnectionContext } from "./context.ts";

import { type PendingRequest, takeUnimplemented } from "./pending-request.ts";
import { ReplyQueue } from "./replies.ts";

/** Global requests in both directions (RFC 4254 §4). */
export class GlobalRequests {
  readonly #context: ConnectionContext;
  /** Our requests without a reply yet, oldest first: the number of each, or the callback of a probe. */
  readonly #requests: PendingRequest<number | (() => void)>[] = [];
  readonly #replies = new ReplyQueue<{ readonly success: boolean; readonly data: Uint8Array }>();

  constructor(context: ConnectionContext) {
    this.#context = context;
  }

  request(requestName: string, data: Uint8Array, wantReply: boolean): number {
    const { sink, limits } = this.#context;
    if (wantReply && this.#requests.length >= limits.maxPendingRequests)
      throw new SshError(
        "request-limit",
        `the limit of ${this.#requests.length} global requests that await a reply is reached (\`maxPendingRequests\`)`,
      );
    const message = this.#context.checked(
      SSH_MSG_GLOBAL_REQUEST.encode({ requestName, wantReply, data }),
      `the global request ${JSON.stringify(requestName)}`,
    );
    const number = this.#context.nextRequest();
    if (wantReply) {
      sink.write(message, this.#pend(number));
    } else {
      sink.write(message);
      this.#context.wantedNoReply();
    }
    return number;
  }

  /**
   * Sends a request that every peer must answer, with a failure if it does not support it (RFC 4254 §4). Calls `answered` when the reply
   * arrives; no event follows. Returns false and sends nothing if too many requests are unanswered.
   */
  probe(answered: () => void): boolean {
    const { sink, limits } = this.#context;
    if (this.#requests.length >= limits.maxPendingRequests) return false;
    const requestName = "keepalive@openssh.com";
    const message = SSH_MSG_GLOBAL_REQUEST.encode({ requestName, wantReply: true, data: new Uint8Array(0) });
    sink.write(message, this.#pend(answered));
    return true;
  }

  /** Answers a global request of the peer. Throws `usage` if the token does not belong to an unanswered one. */
  answer(token: AskToken, success: boolean, data: Uint8Array): void {
    for (const due of this.#replies.settle(token, { success, data })) {
      const reply = due.success
        ? SSH_MSG_REQUEST_SUCCESS.encode({ data: due.data })
        : SSH_MSG_REQUEST_FAILURE.encode({});
      this.#context.sink.write(reply);
    }
  }

  receiveRequest({ requestName, wantReply, data }: GlobalRequest): void {
    const { limits } = this.#context;
    let token: AskToken | undefined;
    if (wantReply) {
      this.#context.admitAsk();
      // rule: global-request-count
      if (this.#replies.length >= limits.maxPeerRequests)
        throw new SshError(
          "request-limit",
          `the peer sent a global request, but ${this.#replies.length} of its global requests still await our reply (\`maxPeerRequests\`)`,
        );
      token = askToken(requestName);
      this.#replies.add(token);
    }
    // OpenSSH accepts any reply as a sign of life; its own client replies with a failure.
    if (requestName === "keepalive@openssh.com") {
      if (token !== undefined) this.answer(token, false, new Uint8Array(0));
      return;
    }
    this.#context.emit({ type: "global-request", requestName, data, token });
  }

  receiveReply(what: string, success: boolean, data: Uint8Array): void {
    const pending = this.#requests.shift();
    if (pending === undefined)
      // rule: unasked-global-reply
      this.#context.admitUnaskedReply(what);
    else this.#replied(pending.request, success, data);
  }

  /** Handles SSH_MSG_UNIMPLEMENTED. Returns whether the packet with that number was an unanswered request. */
  unimplemented(sequenceNumber: number): boolean {
    const request = takeUnimplemented(this.#requests, sequenceNumber);
    if (request !== undefined) this.#replied(request, false, new Uint8Array(0));
    return request !== undefined;
  }

  #pend(request: number | (() => void)): PendingRequest<number | (() => void)> {
    const pending = { request, sequenceNumber: undefined };
    this.#requests.push(pending);
    return pending;
  }

  #replied(request: number | (() => void), success: boolean, data: Uint8Array): void {
    if (typeof request === "number") this.#context.emit({ type: "global-reply", request, success, data });
    else request();
  }
}
