import { type Bytes, concatBytes, equalBytes } from "@nacre/wire";
import { array, assert, constantFrom, integer, oneof, property, record } from "fast-check";
import { describe, expect, test } from "vitest";
import { ClientTunnel, encodeTunnelMessage, MAX_MESSAGE_LENGTH, MAX_SEND_BUFFER, resumeProof } from "../src/index.ts";
import { hmac, Pair, pattern } from "./support.ts";

function opened(options?: { readonly spare?: number }): Pair {
  const pair = new Pair(options);
  pair.run();
  return pair;
}

/** Returns the largest number of bytes that a sender buffers on a path of `delay` milliseconds. */
function mostBuffered(delay: number, spare: number): number {
  const pair = opened({ spare });
  const block = pattern(60_000);
  let most = 0;
  for (let round = 0; round < 8; round++) {
    const { events } = pair.gateway;
    if (round === 0 || events.pop() === "writable") while (pair.gateway.tunnel.write(block));
    most = Math.max(most, pair.gateway.tunnel.buffered);
    pair.send();
    pair.now += delay;
    pair.deliver();
    pair.send();
    pair.deliver();
  }
  return most;
}

const data = (length: number): Bytes => encodeTunnelMessage({ type: "data", data: new Uint8Array(length) });
const acknowledge = (consumed: number): Bytes => encodeTunnelMessage({ type: "acknowledge", consumed });
const end = encodeTunnelMessage({ type: "end" });

/** Returns a tunnel that lost its WebSocket after 10 bytes up and 20 down. */
function lost(): Pair {
  const pair = opened();
  pair.client.tunnel.write(pattern(10));
  pair.gateway.tunnel.write(pattern(20));
  pair.run();
  pair.lose();
  pair.gateway.tunnel.detach();
  return pair;
}

/** Returns the client's PROVE message for a challenge. */
function answer(pair: Pair, challenge: Uint8Array): Bytes {
  pair.client.tunnel.attach();
  pair.client.tunnel.takeMessage(0);
  pair.client.tunnel.receive(challenge, 0);
  return pair.client.tunnel.takeMessage(0)!;
}

describe("a tunnel", () => {
  test("opens, carries both directions, ends each on its own and finishes on both sides", () => {
    const pair = opened();
    expect(pair.client.events).toEqual(["opened"]);
    pair.client.tunnel.write(pattern(100_000));
    pair.client.tunnel.end();
    pair.run();
    expect(equalBytes(pair.gateway.received, pattern(100_000))).toBe(true);
    expect(pair.gateway.events.at(-1)).toBe("end");
    pair.gateway.tunnel.write(pattern(70_000, 3));
    pair.gateway.tunnel.end();
    pair.run();
    expect(equalBytes(pair.client.received, pattern(70_000, 3))).toBe(true);
    for (const side of [pair.client, pair.gateway]) {
      expect(side.events.at(-1)).toBe("finished");
      expect(side.tunnel.isOver).toBe(true);
      expect(() => side.tunnel.write(Uint8Array.of(1))).toThrow(expect.objectContaining({ code: "closed" }));
    }
  });

  test("refuses bytes after `end`", () => {
    const { client } = opened();
    client.tunnel.end();
    expect(() => client.tunnel.write(Uint8Array.of(1))).toThrow(expect.objectContaining({ code: "usage" }));
  });

  test("carries bytes that were written before it opened", () => {
    const pair = new Pair();
    pair.client.tunnel.write(Uint8Array.of(1, 2));
    pair.run();
    expect(pair.gateway.received).toEqual(Uint8Array.of(1, 2));
  });

  test("stops a writer until its bytes are acknowledged", () => {
    const pair = opened();
    let written = 0;
    while (pair.gateway.tunnel.write(pattern(50_000))) written += 50_000;
    written += 50_000;
    pair.run({ consume: false });
    expect(pair.gateway.events).toEqual([]);
    expect(pair.client.received.length).toBe(written);
    pair.client.consumeHeld();
    pair.run();
    expect(pair.gateway.events).toEqual(["writable"]);
    expect(pair.gateway.tunnel.buffered).toBeLessThan(128 * 1024);
  });

  test("acknowledges a few bytes only at `acknowledgeAll`, and once", () => {
    const pair = opened();
    pair.gateway.tunnel.write(pattern(100));
    pair.run();
    expect(pair.gateway.tunnel.buffered).toBe(100);
    pair.client.tunnel.acknowledgeAll();
    pair.run();
    expect(pair.gateway.tunnel.buffered).toBe(0);
    expect(pair.gateway.events).toEqual([]);
    pair.client.tunnel.acknowledgeAll();
    expect(pair.client.tunnel.takeMessage(0)).toBeUndefined();
    pair.gateway.tunnel.write(pattern(100));
    pair.run();
    expect(pair.gateway.tunnel.buffered).toBe(100);
  });

  test("acknowledges without being asked once two full messages were consumed", () => {
    const most = 2 * (MAX_MESSAGE_LENGTH - 1);
    for (const [length, left] of [
      [most - 1, most - 1],
      [most, 0],
    ] as const) {
      const pair = opened();
      pair.gateway.tunnel.write(pattern(length));
      pair.run();
      expect(pair.gateway.tunnel.buffered).toBe(left);
    }
  });

  test("acknowledges few bytes once all of an ended direction were consumed", () => {
    const pair = opened();
    pair.gateway.tunnel.write(pattern(100));
    pair.gateway.tunnel.end();
    pair.run({ consume: false });
    pair.client.tunnel.consumed(99);
    expect(pair.client.tunnel.takeMessage(0)).toBeUndefined();
    pair.client.tunnel.consumed(1);
    expect(pair.client.tunnel.takeMessage(0)).toEqual(acknowledge(101));
  });

  test("sends each byte once after an acknowledgement of a part of a chunk", () => {
    const { gateway } = opened();
    gateway.tunnel.write(pattern(100));
    gateway.tunnel.takeMessage(0);
    gateway.tunnel.receive(acknowledge(40), 0);
    gateway.tunnel.write(pattern(80, 1));
    expect(gateway.tunnel.takeMessage(0)!.subarray(1)).toEqual(pattern(80, 1));
    // The chunk that is acknowledged in part is no longer the one that was sent last.
    gateway.tunnel.receive(acknowledge(50), 0);
    expect(gateway.tunnel.takeMessage(0)).toBeUndefined();
    gateway.tunnel.write(pattern(60, 2));
    expect(gateway.tunnel.takeMessage(0)!.subarray(1)).toEqual(pattern(60, 2));
    expect(gateway.tunnel.buffered).toBe(190);
  });

  test("sends no acknowledgement for the first bytes after it opened", () => {
    const { client, gateway } = new Pair();
    client.tunnel.receive(gateway.tunnel.takeMessage(0)!, 0);
    client.tunnel.receive(data(3), 0);
    client.settle();
    expect(client.tunnel.takeMessage(0)).toBeUndefined();
  });

  test("sends large messages uncopied and joins small ones, and resends both from the position of the other side", () => {
    const pair = opened();
    const large = encodeTunnelMessage({ type: "data", data: pattern(40_000) });
    const small = encodeTunnelMessage({ type: "data", data: pattern(100) });
    for (const message of [small, small, large, small, large, large]) pair.gateway.tunnel.writeMessage(message);
    const sent = Array.from({ length: 5 }, () => pair.gateway.tunnel.takeMessage(0)!);
    expect(sent.map(({ length }) => length)).toEqual([201, 40_001, 101, 40_001, 40_001]);
    expect(sent.filter((message) => message === large)).toHaveLength(3);
    pair.toClient.push(...sent.slice(0, 2));
    pair.deliver();
    pair.lose();
    expect(pair.attach()).toBe(true);
    pair.run();
    const bytes = [small, small, large, small, large, large].map((message) => message.subarray(1));
    expect(equalBytes(pair.client.received, concatBytes(...bytes))).toBe(true);
  });

  test("sends a small message uncopied if nothing else waits, and keeps a copy of its bytes", () => {
    const pair = opened();
    const small = encodeTunnelMessage({ type: "data", data: pattern(100) });
    for (let i = 0; i < 100; i++) {
      const message = small.slice();
      pair.gateway.tunnel.writeMessage(message);
      expect(pair.gateway.tunnel.takeMessage(0)).toBe(message);
      message.fill(0);
    }
    expect(pair.gateway.tunnel.buffered).toBe(10_000);
    pair.lose();
    expect(pair.attach()).toBe(true);
    pair.run();
    expect(pair.client.received).toEqual(concatBytes(...Array.from({ length: 100 }, () => small.subarray(1))));
  });

  test("sends each byte of a small message once if only a part of it may be sent unacknowledged", () => {
    const pair = opened();
    // 64 messages of this length are 64 bytes less than the most bytes that may be unacknowledged.
    for (let i = 0; i < MAX_SEND_BUFFER / 65_536; i++) {
      pair.gateway.tunnel.writeMessage(data(65_535));
      pair.gateway.tunnel.takeMessage(0);
    }
    pair.gateway.tunnel.writeMessage(encodeTunnelMessage({ type: "data", data: pattern(180) }));
    const first = pair.gateway.tunnel.takeMessage(0)!;
    expect(pair.gateway.tunnel.takeMessage(0)).toBeUndefined();
    pair.gateway.tunnel.receive(acknowledge(65_535), 0);
    const second = pair.gateway.tunnel.takeMessage(0)!;
    expect(concatBytes(first.subarray(1), second.subarray(1))).toEqual(pattern(180));
    expect(pair.gateway.tunnel.takeMessage(0)).toBeUndefined();
  });

  test("sends no encoded message beyond what the peer allows", () => {
    const pair = opened();
    for (let i = 0; i < 65; i++) pair.gateway.tunnel.writeMessage(data(65_535));
    pair.send();
    expect(pair.toClient.reduce((sum, { length }) => sum + length - 1, 0)).toBe(MAX_SEND_BUFFER);
  });

  test("copies written bytes to the memory of the caller, which may then change", () => {
    const pair = opened();
    const memory = new Uint8Array(65_536);
    for (const length of [100_000, 70_000]) pair.client.tunnel.write(pattern(length, length));
    const expected = concatBytes(pattern(100_000, 100_000), pattern(70_000, 70_000));
    const lengths: number[] = [];
    for (let at = 0; at < expected.length; ) {
      const message = pair.client.tunnel.takeMessage(0, memory)!;
      expect(message.buffer).toBe(memory.buffer);
      expect(message[0]).toBe(7);
      expect(equalBytes(message.subarray(1), expected.subarray(at, at + message.length - 1))).toBe(true);
      lengths.push(message.length);
      at += message.length - 1;
    }
    expect(lengths).toEqual([65_536, 65_536, 38_931]);
    expect(pair.client.tunnel.takeMessage(0, memory)).toBeUndefined();
    memory.fill(0);
    pair.lose();
    expect(pair.attach()).toBe(true);
    pair.run();
    expect(equalBytes(pair.gateway.received, expected)).toBe(true);
  });

  test("sends nothing after `discard`, and returns its share of the growth", () => {
    const growth = { spare: 100 };
    const tunnel = new ClientTunnel({ ticket: "", host: "a", port: 22 }, { hmac, growth });
    tunnel.write(pattern(10));
    tunnel.discard();
    expect([tunnel.isOver, tunnel.buffered, tunnel.nextEvent(), growth.spare]).toEqual([true, 0, undefined, 100]);
    expect(() => tunnel.write(pattern(1))).toThrow(expect.objectContaining({ code: "closed" }));
  });

  test("accepts a chunk of any size, and sends no more than the peer allows", () => {
    const pair = opened();
    expect(pair.client.tunnel.write(new Uint8Array(9 * 1024 * 1024))).toBe(false);
    pair.send();
    expect(pair.toGateway.reduce((sum, { length }) => sum + length - 1, 0)).toBe(MAX_SEND_BUFFER);
    let length = 0;
    while (pair.toGateway.length > 0) {
      for (const message of pair.toGateway.splice(0)) pair.gateway.tunnel.receive(message, 0);
      for (let event = pair.gateway.tunnel.nextEvent(); event !== undefined; event = pair.gateway.tunnel.nextEvent()) {
        if (event.type !== "data") throw new Error(event.type);
        length += event.data.length;
        pair.gateway.tunnel.consumed(event.data.length);
      }
      pair.send();
      pair.deliver(0);
      for (const message of pair.toClient.splice(0)) pair.client.tunnel.receive(message, 0);
      pair.send();
    }
    expect(length).toBe(9 * 1024 * 1024);
    pair.client.settle();
    expect(pair.client.events).toEqual(["opened", "writable"]);
  });

  test("grows its buffer on a long path only, and within the growth that all tunnels share", () => {
    const step = 60_000;
    expect(mostBuffered(2, Infinity)).toBeLessThan(1024 * 1024 + step);
    expect(mostBuffered(40, Infinity)).toBeGreaterThan(MAX_SEND_BUFFER - step);
    expect(mostBuffered(40, Infinity)).toBeLessThan(MAX_SEND_BUFFER + step);
    expect(mostBuffered(40, 1000)).toBeLessThan(1024 * 1024 + 1000 + step);
  });

  test("grows its buffer only if the writer filled it, before or after bytes were sent", () => {
    const step = 60_000;
    for (const fills of [false, true]) {
      const pair = opened({ spare: Infinity });
      const fill = (): void => {
        while (pair.gateway.tunnel.write(pattern(step)));
      };
      pair.gateway.tunnel.write(pattern(step));
      pair.send();
      if (fills) fill();
      else for (let i = 0; i < 9; i++) pair.gateway.tunnel.write(pattern(step));
      pair.send();
      pair.now += 40;
      pair.deliver();
      pair.run();
      fill();
      if (fills) expect(pair.gateway.tunnel.buffered).toBeGreaterThan(2 * 1024 * 1024 - step);
      else expect(pair.gateway.tunnel.buffered).toBeLessThan(1024 * 1024 + step);
    }
  });
});

describe("a lost WebSocket", () => {
  test("before the tunnel was opened cannot be replaced", () => {
    expect(new Pair().client.tunnel.detach()).toBe(false);
  });

  test("loses no byte and repeats none, wherever it is cut", () => {
    const up = pattern(400, 1);
    const down = pattern(300, 9);
    for (let cut = 0; cut < 14; cut++) {
      for (const reach of [0, 1, 5]) {
        const pair = opened();
        for (let i = 0; i < up.length; i += 100) pair.client.tunnel.write(up.slice(i, i + 100));
        for (let i = 0; i < down.length; i += 100) pair.gateway.tunnel.write(down.slice(i, i + 100));
        pair.client.tunnel.end();
        pair.gateway.tunnel.end();
        pair.send(cut);
        pair.deliver(Math.ceil(cut / 2));
        if (pair.client.tunnel.isOver) continue;
        pair.lose(reach);
        pair.gateway.tunnel.detach();
        if (pair.gateway.tunnel.isOver) continue;
        expect(pair.attach()).toBe(true);
        pair.run();
        expect(pair.gateway.received).toEqual(up);
        expect(pair.client.received).toEqual(down);
        expect(pair.client.events.at(-1)).toBe("finished");
        expect(pair.gateway.events.at(-1)).toBe("finished");
      }
    }
  });

  test("does not stall a full sender: lost acknowledgements are sent again", () => {
    const pair = opened({ spare: MAX_SEND_BUFFER });
    pair.gateway.tunnel.write(pattern(MAX_SEND_BUFFER));
    pair.send();
    pair.deliver();
    pair.send();
    // All bytes arrived, but their acknowledgements are lost.
    pair.lose();
    pair.gateway.tunnel.detach();
    expect(pair.gateway.tunnel.buffered).toBe(MAX_SEND_BUFFER);
    expect(pair.attach()).toBe(true);
    pair.run();
    expect(pair.gateway.tunnel.buffered).toBe(0);
    expect(pair.client.received).toHaveLength(MAX_SEND_BUFFER);
  });

  test("sends the rest of an encoded message from a position inside it, and no message without bytes", () => {
    const pair = opened();
    const { tunnel } = pair.gateway;
    tunnel.writeMessage(Uint8Array.of(7));
    expect(tunnel.takeMessage(0)).toBeUndefined();
    tunnel.writeMessage(encodeTunnelMessage({ type: "data", data: pattern(40_000) }));
    tunnel.takeMessage(0);
    tunnel.detach();
    const [nonce, received] = [new Uint8Array(32), 100];
    const attempt = tunnel.challenge(nonce);
    const proof = resumeProof(hmac, pair.secret, { id: pair.id, nonce, gatewayReceived: 0, clientReceived: received });
    expect(attempt.prove(encodeTunnelMessage({ type: "prove", received, proof }))).toBe(true);
    tunnel.takeMessage(0);
    expect(tunnel.takeMessage(0)!.subarray(1)).toEqual(pattern(40_000).subarray(received));
    expect(tunnel.takeMessage(0)).toBeUndefined();
  });

  test("may still deliver bytes between the challenge and the proof", () => {
    const pair = opened();
    pair.client.tunnel.write(pattern(100));
    pair.send();
    const late = pair.toGateway;
    pair.toGateway = [];
    pair.lose();
    expect(pair.attach(late)).toBe(true);
    pair.client.tunnel.write(pattern(50, 200));
    pair.run();
    expect(pair.gateway.received).toEqual(concatBytes(pattern(100), pattern(50, 200)));
  });

  test("any sequence of writes, ends, losses and attachments delivers both directions exactly", () => {
    const step = oneof(
      record({ do: constantFrom("client", "gateway" as const), length: integer({ min: 1, max: 3000 }) }),
      record({ do: constantFrom("gateway" as const), length: integer({ min: 15_000, max: 18_000 }) }),
      record({ do: constantFrom("send", "deliver", "lose" as const), length: integer({ min: 1, max: 6 }) }),
    );
    assert(
      property(array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const pair = opened();
        const written = { client: [] as Bytes[], gateway: [] as Bytes[] };
        for (const { do: what, length } of steps) {
          if (what === "send") pair.send(length);
          else if (what === "deliver") pair.deliver(length);
          else if (what === "lose") {
            const late = pair.toGateway.slice(0, length);
            pair.lose();
            if (!pair.attach(late)) throw new Error("not attached");
          } else {
            const bytes = pattern(length, written[what].length);
            if (what === "gateway" && length % 4 > 0)
              pair.gateway.tunnel.writeMessage(encodeTunnelMessage({ type: "data", data: bytes }));
            else pair[what].tunnel.write(bytes.slice());
            written[what].push(bytes);
          }
        }
        pair.client.tunnel.end();
        pair.gateway.tunnel.end();
        pair.run();
        expect(equalBytes(pair.gateway.received, concatBytes(...written.client))).toBe(true);
        expect(equalBytes(pair.client.received, concatBytes(...written.gateway))).toBe(true);
        expect([pair.client.events.at(-1), pair.gateway.events.at(-1)]).toEqual(["finished", "finished"]);
      }),
      { numRuns: 150 },
    );
  });
});

describe("a tunnel ends on a violation of its protocol:", () => {
  test.each([
    ["an unknown message", [Uint8Array.of(99)], "malformed-message"],
    ["an empty message", [new Uint8Array(0)], "malformed-message"],
    ["a message of more than 64 KiB", [new Uint8Array(65_537).fill(7)], "malformed-message"],
    ["data without bytes", [Uint8Array.of(7)], "malformed-message"],
    ["data after the end of its direction", [end, data(1)], "unexpected-message"],
    ["a second end of its direction", [end, end], "unexpected-message"],
    ["an acknowledgement of bytes that were not sent", [acknowledge(6)], "malformed-message"],
    ["an acknowledgement that goes back", [acknowledge(5), acknowledge(4)], "malformed-message"],
    ["a position of 2⁵³ or more", [Uint8Array.of(8, 0, 32, 0, 0, 0, 0, 0, 0)], "malformed-message"],
    ["more data than was acknowledged and allowed", Array.from({ length: 65 }, () => data(65_535)), "window-exceeded"],
    [
      "a message of the other role",
      [encodeTunnelMessage({ type: "attach", id: new Uint8Array(16) })],
      "unexpected-message",
    ],
  ])("%s", (_, messages, code) => {
    const { gateway } = opened();
    gateway.tunnel.write(new Uint8Array(5));
    gateway.tunnel.takeMessage(0);
    for (const message of messages) gateway.tunnel.receive(message, 0);
    gateway.settle({ consume: false });
    expect(gateway.error).toBe(code);
    expect(gateway.tunnel.isOver).toBe(true);
    gateway.tunnel.receive(data(1), 0);
    expect(gateway.tunnel.nextEvent()).toBeUndefined();
    expect(gateway.tunnel.takeMessage(0)).toBeUndefined();
  });

  test("data before the client's tunnel is open", () => {
    const { client } = new Pair();
    client.tunnel.receive(data(1), 0);
    client.settle();
    expect(client.error).toBe("unexpected-message");
  });

  test("a gateway whose position goes back while the client attaches", () => {
    const pair = opened();
    pair.client.tunnel.write(pattern(10));
    pair.run();
    pair.lose();
    pair.client.tunnel.attach();
    pair.client.tunnel.takeMessage(0);
    pair.client.tunnel.receive(pair.gateway.tunnel.challenge(new Uint8Array(32)).message, 0);
    pair.client.tunnel.takeMessage(0);
    pair.client.tunnel.receive(encodeTunnelMessage({ type: "attached", received: 9 }), 0);
    pair.client.settle();
    expect(pair.client.error).toBe("malformed-message");
  });
});

describe("attaching without the secret", () => {
  test("fails for an answer with any byte changed, and for the right one after it", () => {
    const pair = lost();
    const attempt = pair.gateway.tunnel.challenge(new Uint8Array(32));
    const right = answer(pair, attempt.message);
    for (let i = 1; i < right.length; i++) {
      const again = pair.gateway.tunnel.challenge(new Uint8Array(32));
      const wrong = right.slice();
      wrong[i]! ^= 1;
      let attached = false;
      try {
        attached = again.prove(wrong);
      } catch (error) {
        expect(error).toMatchObject({ code: "malformed-message" });
      }
      expect(attached).toBe(false);
      expect(again.prove(right)).toBe(false);
    }
    expect(pair.gateway.tunnel.isAttached).toBe(false);
    expect(attempt.prove(right)).toBe(true);
    expect(attempt.prove(right)).toBe(false);
  });

  test("fails for another message than PROVE", () => {
    const attempt = lost().gateway.tunnel.challenge(new Uint8Array(32));
    expect(attempt.prove(end)).toBe(false);
  });

  test("fails for an answer to another challenge", () => {
    const pair = lost();
    const right = answer(pair, pair.gateway.tunnel.challenge(new Uint8Array(32)).message);
    expect(pair.gateway.tunnel.challenge(new Uint8Array(32).fill(1)).prove(right)).toBe(false);
  });

  test("fails if the tunnel ends between the challenge and the answer", () => {
    const pair = lost();
    const attempt = pair.gateway.tunnel.challenge(new Uint8Array(32));
    const right = answer(pair, attempt.message);
    pair.gateway.tunnel.discard();
    expect(attempt.prove(right)).toBe(false);
    expect(pair.gateway.tunnel.isAttached).toBe(false);
  });

  test("ends the tunnel for a proved position that was never sent", () => {
    const pair = lost();
    const nonce = new Uint8Array(32);
    const attempt = pair.gateway.tunnel.challenge(nonce);
    const received = 21;
    const proof = resumeProof(hmac, pair.secret, { id: pair.id, nonce, gatewayReceived: 10, clientReceived: received });
    expect(attempt.prove(encodeTunnelMessage({ type: "prove", received, proof }))).toBe(false);
    pair.gateway.settle();
    expect(pair.gateway.error).toBe("malformed-message");
  });
});
