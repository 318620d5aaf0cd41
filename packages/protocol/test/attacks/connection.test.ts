import type { Limits } from "@nacre/protocol";
import * as message from "@nacre/testing/attacks/messages";
import type { ProtocolTarget } from "@nacre/testing/attacks/protocol-target";
import {
  CHANNEL_OPEN_FAILURE_REASON,
  SSH_MSG_CHANNEL_DATA,
  SSH_MSG_CHANNEL_FAILURE,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_CHANNEL_REQUEST,
  SSH_MSG_CHANNEL_WINDOW_ADJUST,
  SSH_MSG_REQUEST_FAILURE,
  SSH_MSG_REQUEST_SUCCESS,
} from "@nacre/wire";
import { expect, test } from "vitest";
import { ClientTarget } from "./support/client-target.ts";
import { CLIENT, type Kit, SERVER } from "./support/kits.ts";
import { ServerTarget } from "./support/server-target.ts";

const usage = expect.objectContaining({ code: "usage" });
const SUCCESS = SSH_MSG_REQUEST_SUCCESS.encode({ data: new Uint8Array(0) });
const FAILURE = SSH_MSG_REQUEST_FAILURE.encode({});

/** Returns a logged-in protocol machine with a channel. Its application consumes no data. */
function unread(kit: Kit, limits: Partial<Limits> = {}): ProtocolTarget {
  const target = kit.create({ machine: { limits }, hold: ["data"] }).login();
  expect(target.openChannel()).toBe(0);
  return target;
}

const received = (target: ProtocolTarget, stream: number): number =>
  target
    .eventsOf("data")
    .filter((event) => event.stream === stream)
    .reduce((sum, { data }) => sum + data.length, 0);

/** Bytes of window that the protocol machine has returned to the peer. */
const credit = (target: ProtocolTarget): number =>
  target.peer.received
    .filter((payload) => payload[0] === SSH_MSG_CHANNEL_WINDOW_ADJUST.number)
    .reduce((sum, payload) => sum + SSH_MSG_CHANNEL_WINDOW_ADJUST.decode(payload).bytesToAdd, 0);

function window(kit: Kit): void {
  const overflow = kit.create().login();
  overflow.openChannel({ initialWindowSize: 0 });
  overflow.peer.send(message.channelAdjust(0, 2 ** 32 - 1));
  overflow.expectAlive();
  overflow.peer.send(message.channelAdjust(0, 2 ** 32 - 1));
  overflow.expectClosed("window-overflow");
  const byOne = kit.create().login();
  byOne.openChannel({ initialWindowSize: 2 ** 32 - 1 });
  byOne.peer.send(message.channelAdjust(0, 0));
  byOne.expectAlive().peer.send(message.channelAdjust(0, 1));
  byOne.expectClosed("window-overflow");

  // Without consumption, at most one window is delivered; one more byte is fatal.
  const initialWindow = 100_000;
  for (const over of [0, 1]) {
    const target = unread(kit, { initialWindow });
    for (let i = 0; i < 10; i++) target.peer.send(message.channelData(0, 10_000));
    expect(received(target, 0)).toBe(initialWindow);
    expect(credit(target)).toBe(0);
    target.peer.send(message.channelData(0, over));
    if (over === 0) target.expectAlive();
    else target.expectClosed("window-exceeded");
    expect(received(target, 0)).toBe(initialWindow);
  }
  // Window is returned only for consumed bytes, and only delivered bytes can be consumed.
  const slow = unread(kit, { initialWindow });
  for (let i = 0; i < 10; i++) slow.peer.send(message.channelData(0, 10_000));
  slow.machine.connection.consumed(0, 60_000);
  slow.turn();
  expect(credit(slow)).toBe(60_000);
  expect(() => slow.machine.connection.consumed(0, 40_001)).toThrow(usage);
  slow.peer.send(...Array.from({ length: 6 }, () => message.channelData(0, 10_000)));
  slow.expectAlive().peer.send(message.channelData(0, 1));
  slow.expectClosed("window-exceeded");
}

test("window · client", () => window(CLIENT));
test("window · server", () => window(SERVER));

function packetSize(kit: Kit): void {
  for (const maximumPacketSize of [1, 100, 2 ** 32 - 1]) {
    const target = kit.create().login();
    const channel = target.openChannel({ maximumPacketSize, initialWindowSize: 2 ** 32 - 1 });
    // Fewer bytes for tiny packets, because the per-packet overhead limits the work per turn.
    const length = maximumPacketSize === 1 ? 10_000 : 100_000;
    let taken = 0;
    for (let turns = 0; taken < length && turns < 100; turns++) {
      taken += target.machine.connection.write(channel, new Uint8Array(length - taken));
      target.turn();
    }
    expect(taken).toBe(length);
    const sizes = target.peer.received
      .filter((payload) => payload[0] === SSH_MSG_CHANNEL_DATA.number)
      .map((payload) => SSH_MSG_CHANNEL_DATA.decode(payload).data.length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(length);
    expect(Math.max(...sizes)).toBe(Math.min(maximumPacketSize, 32 * 1024));
  }

  for (const length of [1000, 1001]) {
    const plain = unread(kit, { maxPacketSize: 1000 });
    plain.peer.send(message.channelData(0, length));
    const extended = unread(kit, { maxPacketSize: 1000 });
    extended.peer.send(message.extendedData(0, 1, length));
    for (const target of [plain, extended])
      if (length === 1000) target.expectAlive();
      else target.expectClosed("packet-length");
    expect(received(plain, 0)).toBe(length === 1000 ? 1000 : 0);
    expect(received(extended, 1)).toBe(length === 1000 ? 1000 : 0);
  }
}

test("packet size · client", () => {
  packetSize(CLIENT);
  const zero = new ClientTarget().login();
  zero.openChannel({ maximumPacketSize: 0 });
  zero.expectClosed("malformed-message");
  expect(zero.eventsOf("channel-opened")).toEqual([]);
});

test("packet size · server", () => {
  packetSize(SERVER);
  const zero = new ServerTarget().login();
  zero.peer.send(message.channelOpen("session", 5, { maximumPacketSize: 0 }));
  expect(zero.sent.at(-1)).toBe(SSH_MSG_CHANNEL_OPEN_FAILURE.number);
  expect(zero.eventsOf("open-request")).toEqual([]);
  expect(zero.machine.connection.channelCount).toBe(0);
  zero.expectAlive();
});

function extendedData(kit: Kit): void {
  // Extended data of an unknown type is dropped and its window returned, so that it cannot block other data.
  const initialWindow = 64 * 1024;
  const target = unread(kit, { initialWindow });
  for (let i = 0; i < 100; i++) target.peer.send(message.extendedData(0, [0, 2, 3, 2 ** 32 - 1][i % 4]!, 16 * 1024));
  expect(target.eventsOf("data")).toEqual([]);
  expect(credit(target)).toBeGreaterThan(99 * 16 * 1024 - initialWindow);
  target.peer.send(message.channelData(0, 1000));
  expect(received(target, 0)).toBe(1000);
  target.expectAlive();

  // Discarded standard error neither blocks the channel nor is buffered.
  const discarding = unread(kit, { initialWindow });
  discarding.machine.connection.discard(0, 1);
  for (let i = 0; i < 100; i++) discarding.peer.send(message.extendedData(0, 1, 16 * 1024));
  expect(received(discarding, 1)).toBe(0);
  discarding.peer.send(message.channelData(0, 1000));
  expect(received(discarding, 0)).toBe(1000);
  discarding.expectAlive();

  // Unread standard error uses the window and cannot exceed it.
  const held = unread(kit, { initialWindow });
  for (let i = 0; i < 4; i++) held.peer.send(message.extendedData(0, 1, 16 * 1024));
  expect(received(held, 1)).toBe(initialWindow);
  held.expectAlive().peer.send(message.extendedData(0, 1, 1));
  held.expectClosed("window-exceeded");
}

test("extended data · client", () => extendedData(CLIENT));
test("extended data · server", () => extendedData(SERVER));

function unaskedReplies(kit: Kit): void {
  for (const payload of [SUCCESS, FAILURE, message.channelSuccess(0), Uint8Array.of(100, 0, 0, 0, 0)]) {
    const target = unread(kit);
    // Some peers reply to requests that want no reply, so a limited number of extra replies is tolerated.
    const most = 64 + (kit.side === "server" ? 1 : 0);
    for (let i = 0; i < most; i++) target.peer.send(payload);
    target.expectAlive().peer.send(payload);
    target.expectClosed("unexpected-message");
    expect([...target.eventsOf("global-reply"), ...target.eventsOf("request-reply")]).toEqual([]);
  }
  // Replies match requests per channel. An extra reply is ignored.
  const target = unread(kit);
  const other = target.openChannel();
  const { connection } = target.machine;
  const requests = [0, other].map((channel) =>
    connection.request(channel, "shell", new Uint8Array(0), { wantReply: true }),
  );
  const global = connection.globalRequest("x", new Uint8Array(0), { wantReply: true });
  target.turn().peer.send(message.channelSuccess(other));
  expect(target.eventsOf("request-reply").map(({ request }) => request)).toEqual([requests[1]]);
  target.peer.send(FAILURE);
  expect(target.eventsOf("global-reply")).toMatchObject([{ request: global, success: false }]);
  target.peer.send(message.channelSuccess(other));
  target.expectAlive();
  expect(target.eventsOf("request-reply")).toHaveLength(1);

  // UNIMPLEMENTED answers the request it names, and later replies match the other requests.
  const [one, two, three] = ["one", "two", "three"].map((name) => {
    const request = connection.globalRequest(name, new Uint8Array(0), { wantReply: true });
    target.turn();
    return { request, number: target.peer.sequenceNumbers.at(-1) };
  });
  target.peer.send(message.unimplemented(two!.number), SUCCESS, message.unimplemented(one!.number), FAILURE);
  expect(target.eventsOf("global-reply").slice(1)).toMatchObject([
    { request: two!.request, success: false },
    { request: one!.request, success: true },
    { request: three!.request, success: false },
  ]);

  // Replies to keepalives are not confused with replies to the application's requests.
  const quiet = unread(kit);
  quiet.advance(60_000);
  const asked = quiet.machine.connection.globalRequest("mine", new Uint8Array(0), { wantReply: true });
  quiet.turn().peer.send(FAILURE, SUCCESS);
  expect(quiet.eventsOf("global-reply")).toMatchObject([{ request: asked, success: true }]);
  quiet.peer.send(SUCCESS);
  quiet.expectAlive();
  expect(quiet.eventsOf("global-reply")).toHaveLength(1);
  // A peer that sends data but never replies to keepalives stays connected; pending keepalives are limited.
  const owing = kit.create({ machine: { limits: { keepaliveInterval: 1000 } } }).login();
  const { length } = owing.sent;
  for (let i = 0; i < 300; i++) owing.advance(1000).peer.send(message.ignore());
  expect(owing.sent.slice(length).filter((number) => number === 80)).toHaveLength(256);
  owing.expectAlive();
}

test("unasked replies · client", () => unaskedReplies(CLIENT));
test("unasked replies · server", () => unaskedReplies(SERVER));

/** Returns one of every message that names a channel. */
const to = (channel: number): readonly Uint8Array[] => [
  message.channelData(channel, 1),
  message.extendedData(channel, 1, 1),
  message.channelEof(channel),
  message.channelClose(channel),
  message.channelRequest(channel, "exit-status", false),
  message.channelSuccess(channel),
  message.channelConfirmation(channel),
  message.channelOpenFailure(channel),
];

function channelNumbers(kit: Kit): void {
  // A number that was never used.
  for (const number of [1, 7, 2 ** 31, 2 ** 32 - 1])
    for (const payload of [...to(number), message.channelAdjust(number, 1)]) {
      const target = unread(kit);
      const { length } = target.events;
      target.peer.send(payload);
      target.expectClosed("channel-unknown");
      expect(target.events).toHaveLength(length + 1);
    }
  // The number of a channel closed by both sides. "late requests" tries requests.
  for (const payload of to(0).filter(([number]) => number !== SSH_MSG_CHANNEL_REQUEST.number)) {
    const target = unread(kit);
    target.peer.send(message.channelClose(0));
    expect(target.eventsOf("channel-closed")).toHaveLength(1);
    const { length } = target.events;
    target.peer.send(payload);
    target.expectClosed("channel-unknown");
    expect(target.events).toHaveLength(length + 1);
  }
  // A channel that is still opening, and a second reply for one that is open.
  for (const payload of to(1).slice(0, 6)) {
    const target = unread(kit);
    target.machine.connection.openChannel("session");
    target.turn().peer.send(payload);
    target.expectClosed("channel-unknown");
  }
  for (const payload of [message.channelConfirmation(0), message.channelOpenFailure(0)]) {
    const target = unread(kit);
    target.peer.send(payload);
    target.expectClosed("unexpected-message");
  }
  // Data after EOF is an error. After our close, no event reaches the application.
  const ended = unread(kit);
  ended.peer.send(message.channelEof(0), message.channelData(0, 1));
  ended.expectClosed("unexpected-message");
  expect(ended.eventsOf("data")).toEqual([]);
  const closing = unread(kit);
  closing.machine.connection.close(0);
  closing.turn().peer.send(message.channelData(0, 1), message.channelRequest(0, "exit-status", false));
  closing.expectAlive();
  expect([...closing.eventsOf("data"), ...closing.eventsOf("channel-request")]).toEqual([]);
  // A reused number belongs to the new channel: all data of the old channel arrived before its CLOSE.
  const reused = unread(kit);
  reused.peer.send(message.channelData(0, 5), message.channelClose(0));
  for (let number = reused.openChannel(); number !== 0; number = reused.openChannel())
    reused.peer.send(message.channelClose(number));
  reused.peer.send(message.channelData(0, 7));
  expect(reused.eventsOf("data").map(({ data }) => data.length)).toEqual([5, 7]);
  expect(() => reused.machine.connection.consumed(0, 8)).toThrow(usage);
}

test("channel numbers · client", () => channelNumbers(CLIENT));
test("channel numbers · server", () => channelNumbers(SERVER));

function lateRequests(kit: Kit): void {
  // The status of an aborted command comes after both sides have closed its channel. Some servers ask for a reply.
  const target = unread(kit);
  target.machine.connection.close(0);
  target.turn().peer.send(message.channelClose(0));
  const next = target.openChannel();
  for (const wantReply of [false, true]) target.peer.send(message.channelRequest(0, "exit-status", wantReply));
  target.expectAlive();
  expect(target.eventsOf("channel-request")).toEqual([]);
  expect(next).not.toBe(0);
  // A bounded number for each channel that has closed, and none for one that was never open.
  const flooded = unread(kit);
  flooded.peer.send(message.channelClose(0));
  for (let i = 0; i < 16; i++) flooded.peer.send(message.channelRequest(0, "exit-status", true));
  flooded.expectAlive();
  expect(flooded.sent).not.toContain(SSH_MSG_CHANNEL_FAILURE.number);
  for (let i = 16; i < 10_000; i++) flooded.peer.send(message.channelRequest(0, "exit-status", true));
  flooded.expectClosed("channel-unknown");
}

test("late requests · client", () => lateRequests(CLIENT));
test("late requests · server", () => lateRequests(SERVER));

const reasonsOf = (target: ProtocolTarget): number[] =>
  target.peer.received
    .filter((payload) => payload[0] === SSH_MSG_CHANNEL_OPEN_FAILURE.number)
    .map((payload) => SSH_MSG_CHANNEL_OPEN_FAILURE.decode(payload).reasonCode);

test("channel count · client", () => {
  // Refused opens leave no state behind.
  const refusing = new ClientTarget().login();
  for (let i = 0; i < 10_000; i++) refusing.peer.send(message.channelOpen("session", i));
  expect(refusing.machine.connection.channelCount).toBe(0);
  expect(refusing.sent.filter((number) => number === SSH_MSG_CHANNEL_OPEN_FAILURE.number)).toHaveLength(10_000);
  refusing.expectAlive();

  // Allowed opens are limited too: both pending and open channels.
  const allowing = new ClientTarget({ client: { limits: { maxChannels: 100, maxPendingOpens: 32 } } }).login();
  allowing.machine.connection.allow("forwarded-tcpip");
  for (let i = 0; i < 1000; i++) allowing.peer.send(message.channelOpen("forwarded-tcpip", i));
  expect(allowing.eventsOf("open-request")).toHaveLength(32);
  for (let i = 0; i < 1000; i++) {
    const asks = allowing.eventsOf("open-request");
    if (i >= asks.length) break;
    allowing.machine.connection.answerOpen(asks[i]!.token, true);
    allowing.turn().peer.send(message.channelOpen("forwarded-tcpip", 1000 + i));
  }
  expect(allowing.machine.connection.channelCount).toBe(100);
  expect(() => allowing.machine.connection.openChannel("session")).toThrow(
    expect.objectContaining({ code: "channel-limit" }),
  );
  const { RESOURCE_SHORTAGE } = CHANNEL_OPEN_FAILURE_REASON;
  expect(new Set(reasonsOf(allowing))).toEqual(new Set([RESOURCE_SHORTAGE]));
  allowing.expectAlive();

  // Our own refused opens release their numbers.
  const refused = new ClientTarget().login();
  for (let i = 0; i < 1000; i++) {
    const number = refused.machine.connection.openChannel("session");
    expect(number).toBeLessThan(65);
    refused.turn().peer.send(message.channelOpenFailure(number));
  }
  expect(refused.machine.connection.channelCount).toBe(0);
  refused.expectAlive();
});

test("unsolicited opens · client", () => {
  const { ADMINISTRATIVELY_PROHIBITED, UNKNOWN_CHANNEL_TYPE } = CHANNEL_OPEN_FAILURE_REASON;
  const types = {
    "forwarded-tcpip": ADMINISTRATIVELY_PROHIBITED,
    "forwarded-streamlocal@openssh.com": ADMINISTRATIVELY_PROHIBITED,
    x11: ADMINISTRATIVELY_PROHIBITED,
    "auth-agent@openssh.com": ADMINISTRATIVELY_PROHIBITED,
    "auth-agent": UNKNOWN_CHANNEL_TYPE,
    session: ADMINISTRATIVELY_PROHIBITED,
    "direct-tcpip": ADMINISTRATIVELY_PROHIBITED,
    "tun@openssh.com": ADMINISTRATIVELY_PROHIBITED,
    "shell-for-everybody": UNKNOWN_CHANNEL_TYPE,
  };
  for (const allowed of [undefined, "forwarded-tcpip"]) {
    const target = new ClientTarget().login();
    if (allowed !== undefined) target.machine.connection.allow(allowed);
    let number = 0;
    for (const [type, reasonCode] of Object.entries(types)) {
      target.peer.send(message.channelOpen(type, number++));
      if (type === allowed) continue;
      const refusal = SSH_MSG_CHANNEL_OPEN_FAILURE.decode(target.peer.received.at(-1)!);
      expect(refusal).toMatchObject({ recipientChannel: number - 1, reasonCode });
    }
    // Only the allowed type causes an event, and only until `disallow`.
    expect(target.eventsOf("open-request").map(({ channelType }) => channelType)).toEqual(allowed ? [allowed] : []);
    if (allowed !== undefined) target.machine.connection.disallow(allowed);
    target.peer.send(message.channelOpen("forwarded-tcpip", 99));
    expect(target.eventsOf("open-request")).toHaveLength(allowed ? 1 : 0);
    expect(target.sent).not.toContain(SSH_MSG_CHANNEL_OPEN_CONFIRMATION.number);
    expect(target.machine.connection.channelCount).toBe(0);
    target.expectAlive();
  }
});

test("channel count · server", () => {
  // Even if the application grants every open, the number of channels is limited. Refused opens use no memory.
  const granting = new ServerTarget().login();
  for (let i = 0; i < 5000; i++) granting.peer.send(message.channelOpen("session", i));
  expect(granting.machine.connection.channelCount).toBe(256);
  expect(granting.eventsOf("open-request")).toHaveLength(256);
  expect(new Set(reasonsOf(granting))).toEqual(new Set([CHANNEL_OPEN_FAILURE_REASON.RESOURCE_SHORTAGE]));
  expect(reasonsOf(granting)).toHaveLength(5000 - 256);
  // Closing one channel makes room for exactly one.
  granting.peer.send(message.channelClose(100), message.channelOpen("session", 1), message.channelOpen("session", 2));
  expect(granting.machine.connection.channelCount).toBe(256);
  expect(granting.eventsOf("open-request")).toHaveLength(257);
  granting.expectAlive();

  // The number of pending opens is limited.
  const thinking = new ServerTarget({ hold: ["open-request"], server: { limits: { maxPendingOpens: 32 } } }).login();
  for (let i = 0; i < 1000; i++) thinking.peer.send(message.channelOpen("session", i));
  expect(thinking.eventsOf("open-request")).toHaveLength(32);
  expect(reasonsOf(thinking)).toHaveLength(1000 - 32);
  thinking.expectAlive();

  // Unanswered channel requests and global requests are limited.
  for (const payload of [message.channelRequest(0, "shell", true), message.globalRequest("x", true)]) {
    const asked = new ServerTarget({ hold: ["channel-request", "global-request"] }).login();
    asked.openChannel();
    for (let i = 0; i < 128; i++) asked.peer.send(payload);
    asked.expectAlive().peer.send(payload);
    asked.expectClosed("request-limit");
  }
  // A client that sends requests but does not read is disconnected.
  const deaf = new ServerTarget().login();
  deaf.reading = false;
  for (let i = 0; i < 100_000 && deaf.error === undefined; i++) deaf.peer.send(message.channelOpen("x", i));
  deaf.expectClosed("request-limit");
});

test("unsolicited opens · server", () => {
  const { ADMINISTRATIVELY_PROHIBITED, UNKNOWN_CHANNEL_TYPE } = CHANNEL_OPEN_FAILURE_REASON;
  const types = {
    "direct-tcpip": ADMINISTRATIVELY_PROHIBITED,
    "direct-streamlocal@openssh.com": ADMINISTRATIVELY_PROHIBITED,
    "forwarded-tcpip": ADMINISTRATIVELY_PROHIBITED,
    x11: ADMINISTRATIVELY_PROHIBITED,
    "auth-agent@openssh.com": ADMINISTRATIVELY_PROHIBITED,
    "tun@openssh.com": ADMINISTRATIVELY_PROHIBITED,
    "session@attack": UNKNOWN_CHANNEL_TYPE,
    Session: UNKNOWN_CHANNEL_TYPE,
  };
  const target = new ServerTarget().login();
  for (const type of Object.keys(types)) target.peer.send(message.channelOpen(type, 1));
  expect(reasonsOf(target)).toEqual(Object.values(types));
  expect(target.eventsOf("open-request")).toEqual([]);
  expect(target.sent).not.toContain(SSH_MSG_CHANNEL_OPEN_CONFIRMATION.number);
  // An allowed type causes an event; it does not open by itself.
  target.machine.connection.allow("direct-tcpip");
  target.peer.send(message.channelOpen("direct-tcpip", 1), message.channelOpen("direct-streamlocal@openssh.com", 2));
  expect(target.eventsOf("open-request").map(({ channelType }) => channelType)).toEqual(["direct-tcpip"]);
  target.expectAlive();
});
