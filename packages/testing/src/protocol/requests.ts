import type { ConnectionEvent } from "@nacre/connection";
import { exitStatus } from "@nacre/wire";

type ChannelRequest = Extract<ConnectionEvent, { readonly type: "channel-request" }>;

/** Returns an event's type, or the request type of a channel request. */
export function nameOf(event: { readonly type: string }): string {
  return event.type === "channel-request" ? (event as ChannelRequest).requestType : event.type;
}

/** Returns the channel requests of a type among the events. */
export function requestsOf(events: readonly { readonly type: string }[], requestType: string): ChannelRequest[] {
  return events.filter(
    (event): event is ChannelRequest =>
      event.type === "channel-request" && (event as ChannelRequest).requestType === requestType,
  );
}

/** Returns the statuses that were reported with "exit-status". */
export function statusesOf(events: readonly { readonly type: string }[]): number[] {
  return requestsOf(events, "exit-status").map(({ data }) => exitStatus.decode(data).exitStatus);
}
