import type { SentMessage } from "@nacre/packet";

/** A request of ours without a reply yet, on a channel or global. */
export interface PendingRequest<R = number> extends SentMessage {
  readonly request: R;
}

/**
 * Removes and returns the request sent with this sequence number; `undefined` for another number. SSH_MSG_UNIMPLEMENTED counts as its
 * reply (RFC 4253 §11.4). If the request stayed queued, it would take the reply to the next one.
 */
export function takeUnimplemented<R>(requests: PendingRequest<R>[], sequenceNumber: number): R | undefined {
  // rule: unimplemented-request
  const place = requests.findIndex((pending) => pending.sequenceNumber === sequenceNumber);
  return place < 0 ? undefined : requests.splice(place, 1)[0]?.request;
}
