// What the page knows about the connection of a session, and what it says about it. No DOM and no clock: times are passed in.

/** Connection of a session. */
export type Link =
  | {
      readonly kind: "connected";
      /** Time in milliseconds at which the page began to wait for a packet of the host: at a keystroke, or when the network came back. */
      readonly waitingSince: number | undefined;
      /** Whether the browser reports that the device has no network. */
      readonly isOffline: boolean;
    }
  /** The WebSocket was lost; others are tried for `resumeTime` milliseconds. */
  | { readonly kind: "reconnecting"; readonly resumeTime: number; readonly isOffline: boolean }
  /** The session is over. `reason` is a sentence for the user. */
  | { readonly kind: "ended"; readonly reason: string };

/** What happens to a connection. Times `at` are in milliseconds. */
export type LinkEvent =
  | { readonly type: "typed"; readonly at: number }
  /** A packet of the host arrived. */
  | { readonly type: "received" }
  | { readonly type: "lost"; readonly resumeTime: number }
  | { readonly type: "restored" }
  | { readonly type: "offline" }
  | { readonly type: "online"; readonly at: number }
  | { readonly type: "ended"; readonly reason: string };

/** Time in milliseconds without an answer after which the page says so. */
export const ANSWER_TIME = 5000;

export const CONNECTED: Link = { kind: "connected", waitingSince: undefined, isOffline: false };

/** Returns the connection after an event: the same object if the event changes nothing. */
export function nextLink(link: Link, event: LinkEvent): Link {
  if (link.kind === "ended") return link;
  switch (event.type) {
    case "typed":
      return link.kind === "connected" && link.waitingSince === undefined ? { ...link, waitingSince: event.at } : link;
    case "received":
      // An answer proves more than the browser knows: a host on this device needs no network.
      return link.kind === "reconnecting" || (link.waitingSince === undefined && !link.isOffline) ? link : CONNECTED;
    case "lost":
      return { kind: "reconnecting", resumeTime: event.resumeTime, isOffline: link.isOffline };
    case "restored":
      return CONNECTED;
    case "offline":
      return { ...link, isOffline: true };
    case "online":
      // The connection may have died meanwhile.
      return link.kind === "connected"
        ? { ...link, isOffline: false, waitingSince: event.at }
        : { ...link, isOffline: false };
    case "ended":
      return { kind: "ended", reason: event.reason };
  }
}

/** What the page shows about a connection. */
export interface LinkText {
  readonly state: "connected" | "silent" | "offline" | "reconnecting" | "ended";
  /** One or two words for the status line. */
  readonly status: string;
  /** The user and the host, if the status line names them: "Connected to alice@example.org". */
  readonly peer?: string;
  /** A sentence that says what happens and what the user can do, unless all is well. */
  readonly notice?: string;
}

/** Describes a connection to `name`, such as `"alice@example.org"`, at the time `now`. */
export function describeLink(link: Link, name: string, now: number): LinkText {
  if (link.kind === "ended") return { state: "ended", status: "Session ended", notice: link.reason };
  if (link.isOffline)
    return {
      state: "offline",
      status: "Offline",
      notice:
        "This device has no network. The session is kept for some minutes, and what you type is sent when the network is back.",
    };
  if (link.kind === "reconnecting") {
    const minutes = Math.round(link.resumeTime / 60_000);
    return {
      state: "reconnecting",
      status: "Reconnecting",
      peer: name,
      notice: `The connection was lost. The page tries to restore it for up to ${minutes} min, and then sends what you type.`,
    };
  }
  if (link.waitingSince !== undefined && now - link.waitingSince >= ANSWER_TIME)
    return {
      state: "silent",
      status: "No answer",
      notice: `Nothing came back for ${ANSWER_TIME / 1000} seconds. The network may be gone, or the host is busy or does not show what you type.`,
    };
  return { state: "connected", status: "Connected", peer: name };
}
