import { MAX_REQUESTS } from "./messages/limits.ts";
import type { RequestType } from "./table.ts";

/** A request in flight. The object is used again for a later request. */
export interface PendingRequest<Waiter> {
  /** Request id on the wire. */
  id: number;
  /** Type of the request; `undefined` while the object is free. */
  type: RequestType | undefined;
  /** Maximum length of the data in the reply to "read"; number of user ids in "users-groups-by-id". */
  length: number;
  /** Number of group ids in "users-groups-by-id". */
  groups: number;
  /** Handle that the request uses. It is the caller's, except for "close". */
  handle: Uint8Array | undefined;
  /** Handle that "copy-data" reads from. */
  source: Uint8Array | undefined;
  /** Value of the caller, for the event. */
  waiter: Waiter | undefined;
  /** Whether the reply causes no event for the caller. */
  isAbandoned: boolean;
}

/**
 * The client's requests without a reply, by request id. An id consists of a place in the table and of a number that changes with every use
 * of the place, so that a late second reply matches no later request. A request allocates nothing once its place exists.
 */
export class PendingRequests<Waiter> {
  readonly #places: PendingRequest<Waiter>[] = [];
  readonly #free: number[] = [];

  /** Number of requests in flight. */
  get count(): number {
    return this.#places.length - this.#free.length;
  }

  /** Adds a request and returns it with its id. The other fields are set by the caller. */
  add(type: RequestType, waiter: Waiter | undefined): PendingRequest<Waiter> {
    const place = this.#free.pop() ?? this.#places.length;
    const request = (this.#places[place] ??= {
      id: place,
      type: undefined,
      length: 0,
      groups: 0,
      handle: undefined,
      source: undefined,
      waiter: undefined,
      isAbandoned: false,
    });
    request.type = type;
    request.waiter = waiter;
    return request;
  }

  /** Returns the request with this id, or `undefined` if none is in flight. */
  find(id: number): PendingRequest<Waiter> | undefined {
    const request = this.#places[id % MAX_REQUESTS];
    // rule: sftp-reply-id
    if (request?.id !== id || request.type === undefined) return undefined;
    return request;
  }

  /** Removes a request, and releases the objects of the caller. */
  remove(request: PendingRequest<Waiter>): void {
    this.#free.push(request.id % MAX_REQUESTS);
    request.id = (request.id + MAX_REQUESTS) % 0x1_0000_0000;
    request.type = undefined;
    request.length = 0;
    request.groups = 0;
    request.handle = undefined;
    request.source = undefined;
    request.waiter = undefined;
    request.isAbandoned = false;
  }

  /** Returns all requests in flight, in the order of their places. */
  all(): PendingRequest<Waiter>[] {
    return this.#places.filter(({ type }) => type !== undefined);
  }
}
