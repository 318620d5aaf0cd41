import { TRANSPORT_LIMITS } from "@nacre/transport";
import { SSH_MSG_IGNORE } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { RawPeer } from "./support/raw-peer.ts";

const ignore = (length: number): Uint8Array => SSH_MSG_IGNORE.encode({ data: new Uint8Array(length) });

/** Returns a transport with keys, at the start of a turn. */
function freshTurn(maxTurnWork?: number): RawPeer {
  const peer = new RawPeer("client", { ...(maxTurnWork !== undefined && { limits: { maxTurnWork } }) }).handshake();
  peer.transport.enterConnection();
  while (!peer.transport.sink.turnOver) peer.transport.sink.write(ignore(0));
  expect(peer.transport.nextEvent()).toEqual({ type: "yield" });
  peer.take();
  return peer;
}

/** Counts the events before each "yield" and after the last. */
function readPerTurn(peer: RawPeer): number[] {
  const counts = [0];
  for (let event = peer.transport.nextEvent(); event !== undefined; event = peer.transport.nextEvent()) {
    if (counts.length > 100) throw new Error("turns without end");
    if (event.type === "yield") counts.push(0);
    else counts[counts.length - 1]!++;
  }
  return counts;
}

describe("a turn", () => {
  test("opens at most 128 short packets before it yields", () => {
    const peer = freshTurn();
    // Number 94 goes to the layers above.
    for (let i = 0; i < 300; i++) peer.sendOnly(Uint8Array.of(94));
    expect(readPerTurn(peer)).toEqual([128, 128, 44]);
  });

  test("opens at most 128 packets that cause no event", () => {
    const peer = freshTurn();
    for (let i = 0; i < 300; i++) peer.sendOnly(ignore(0));
    expect(readPerTurn(peer)).toEqual([0, 0, 0]);
  });

  test("opens at most 1 MiB of long packets", () => {
    const peer = freshTurn();
    for (let i = 0; i < 40; i++) peer.sendOnly(new Uint8Array(32 * 1024).fill(94));
    expect(readPerTurn(peer)).toEqual([32, 8]);
  });

  test.each([
    ["short", 1],
    ["long", 32 * 1024],
  ])("yields after 128 %s packets are sent, and is over after one more", (_, length) => {
    const peer = freshTurn();
    for (let i = 0; i < 128; i++) peer.transport.sink.write(ignore(length));
    expect(peer.transport.sink.turnOver).toBe(false);
    expect(peer.transport.nextEvent()).toEqual({ type: "yield" });
    for (let i = 0; i < 128; i++) peer.transport.sink.write(ignore(length));
    expect(peer.transport.sink.turnOver).toBe(false);
    peer.transport.sink.begin(0, 1, 0, 0)[0] = 94;
    peer.transport.sink.commit(0);
    expect(peer.transport.sink.turnOver).toBe(true);
    expect(peer.transport.nextEvent()).toEqual({ type: "yield" });
    expect(peer.transport.sink.turnOver).toBe(false);
  });

  test("allows one packet in answer to its last received packet", () => {
    const peer = freshTurn();
    for (let i = 0; i < 128; i++) peer.sendOnly(Uint8Array.of(94));
    for (let i = 0; i < 128; i++) expect(peer.transport.nextEvent()?.type).toBe("message");
    expect(peer.transport.sink.turnOver).toBe(false);
    peer.transport.sink.write(ignore(0));
    expect(peer.transport.sink.turnOver).toBe(true);
    expect(peer.transport.nextEvent()).toEqual({ type: "yield" });
  });

  test("opens one packet if `maxTurnWork` has its minimum", () => {
    const peer = freshTurn(TRANSPORT_LIMITS.ranges.maxTurnWork.least);
    for (let i = 0; i < 3; i++) peer.sendOnly(Uint8Array.of(94));
    expect(readPerTurn(peer)).toEqual([1, 1, 1, 0]);
  });
});
