import { describe, expect, it } from "vitest";
import { ANSWER_TIME, CONNECTED, describeLink, type Link, type LinkEvent, nextLink } from "../page/link.ts";

/** Returns the connection after some events. */
function after(...events: readonly LinkEvent[]): Link {
  return events.reduce(nextLink, CONNECTED);
}

/** Returns the state that the page shows after some events, at the time `now`. */
function shown(now: number, ...events: readonly LinkEvent[]): string {
  return describeLink(after(...events), "demo@host", now).state;
}

const typed = (at: number): LinkEvent => ({ type: "typed", at });
const lost: LinkEvent = { type: "lost", resumeTime: 300_000 };

describe("a keystroke", () => {
  it("without an answer is reported after five seconds, counted from the first one", () => {
    expect(shown(ANSWER_TIME + 99, typed(100), typed(4000))).toBe("connected");
    expect(shown(ANSWER_TIME + 100, typed(100), typed(4000))).toBe("silent");
  });

  it("with an answer is not reported", () => {
    expect(shown(ANSWER_TIME + 100, typed(100), { type: "received" })).toBe("connected");
    expect(shown(ANSWER_TIME + 200, typed(100), { type: "received" }, typed(200))).toBe("silent");
  });

  it("is not reported as unanswered while the page reconnects, nor for the time before", () => {
    expect(shown(ANSWER_TIME + 100, typed(100), lost, typed(200))).toBe("reconnecting");
    expect(shown(ANSWER_TIME + 100, typed(100), lost, { type: "restored" })).toBe("connected");
  });
});

describe("a device without a network", () => {
  it("is reported at once, also while the page reconnects", () => {
    expect(shown(0, { type: "offline" })).toBe("offline");
    expect(shown(0, { type: "offline" }, lost)).toBe("offline");
    expect(shown(0, lost, { type: "offline" })).toBe("offline");
  });

  it("that receives bytes from the host is connected: the host may be on the device", () =>
    expect(shown(0, { type: "offline" }, { type: "received" })).toBe("connected"));

  it("waits for the host when its network is back", () => {
    const back: LinkEvent = { type: "online", at: 1000 };
    expect(shown(1000, { type: "offline" }, back)).toBe("connected");
    expect(shown(1000 + ANSWER_TIME, { type: "offline" }, back)).toBe("silent");
    expect(shown(1000 + ANSWER_TIME, { type: "offline" }, back, { type: "received" })).toBe("connected");
    expect(shown(1000, { type: "offline" }, lost, back)).toBe("reconnecting");
  });
});

it("a lost connection says for how long the page tries to restore it", () => {
  const { status, peer, notice } = describeLink(after(lost), "demo@host", 0);
  expect([status, peer]).toEqual(["Reconnecting", "demo@host"]);
  expect(notice).toContain("up to 5 min");
});

it("the end of a session is final, and shows its reason", () => {
  const end: LinkEvent = { type: "ended", reason: "The session has ended." };
  const later: readonly LinkEvent[] = [
    typed(0),
    { type: "received" },
    lost,
    { type: "restored" },
    { type: "offline" },
    { type: "online", at: 0 },
    { type: "ended", reason: "Another reason." },
  ];
  for (const event of later) expect(after(end, event)).toEqual({ kind: "ended", reason: "The session has ended." });
  expect(describeLink(after(end), "demo@host", 0)).toEqual({
    state: "ended",
    status: "Session ended",
    notice: "The session has ended.",
  });
});

it("an event that changes nothing returns the same object, so that a packet costs no work", () => {
  for (const link of [CONNECTED, after(lost)]) expect(nextLink(link, { type: "received" })).toBe(link);
  const waiting = after(typed(1));
  expect(nextLink(waiting, typed(2))).toBe(waiting);
});
