import type { SentMessage } from "@nacre/packet";

/** A request of ours that awaits its reply, on one channel or global. */
export interface PendingRequest<R = number> extends SentMessage {
  readonly request: R;
}

/**
 * Removes the request that left with this sequence number, and returns it. The peer did not understand it, which is its reply
 * (RFC 4253 §11.4): left in the queue, it would take the reply to the request behind it. `undefined` when no request left with that number.
 */
export function takeUnimplemented<R>(requests: PendingRequest<R>[], sequenceNumber: number): R | undefined {
  // rule: unimplemented-request
  const place = requests.findIndex((pending) => pending.sequenceNumber === sequenceNumber);
  return place < 0 ? undefined : requests.splice(place, 1)[0]?.request;
}
