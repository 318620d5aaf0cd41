import { describe, expect, test } from "vitest";
import { ClientTunnel, encodeTunnelMessage, type TunnelMessage } from "../src/index.ts";
import { hmac, Pair } from "./support.ts";

const opened: TunnelMessage = {
  type: "opened",
  id: new Uint8Array(16),
  secret: new Uint8Array(32),
  address: "wss://b.example",
  resumeTime: 60_000,
};
const challenge: TunnelMessage = { type: "challenge", nonce: new Uint8Array(32), received: 0 };
const attached: TunnelMessage = { type: "attached", received: 0 };

/** Brings a client tunnel into the state that a test is named after. */
const STATES = {
  opening() {},
  attached(client: ClientTunnel) {
    client.receive(encodeTunnelMessage(opened), 0);
    client.nextEvent();
  },
  detached(client: ClientTunnel) {
    STATES.attached(client);
    client.detach();
  },
  attaching(client: ClientTunnel) {
    STATES.detached(client);
    client.attach();
  },
  proving(client: ClientTunnel) {
    STATES.attaching(client);
    client.receive(encodeTunnelMessage(challenge), 0);
  },
};

function clientIn(state: keyof typeof STATES): ClientTunnel {
  const client = new ClientTunnel({ ticket: "", host: "a", port: 22 }, { hmac, growth: { spare: 0 } });
  STATES[state](client);
  return client;
}

describe("ClientTunnel", () => {
  test("reports the gateway's address and resume time when it opens, and each attachment", () => {
    const client = clientIn("opening");
    client.receive(encodeTunnelMessage(opened), 0);
    expect(client.nextEvent()).toEqual({ type: "opened", address: "wss://b.example", resumeTime: 60_000 });
    client.detach();
    client.attach();
    expect(client.isAttached).toBe(false);
    client.receive(encodeTunnelMessage(challenge), 0);
    expect([client.isAttached, client.nextEvent()]).toEqual([false, undefined]);
    client.receive(encodeTunnelMessage(attached), 0);
    expect([client.isAttached, client.nextEvent()]).toEqual([true, { type: "attached" }]);
  });

  test.each([
    ["attached", "opening", attached],
    ["challenge", "opening", challenge],
    ["opened", "attached", opened],
    ["challenge", "attached", challenge],
    ["attached", "attached", attached],
    ["opened", "attaching", opened],
    ["attached", "attaching", attached],
    ["opened", "proving", opened],
    ["challenge", "proving", challenge],
  ] as const)("ends for %s while it is %s", (_, state, message) => {
    const client = clientIn(state);
    client.receive(encodeTunnelMessage(message), 0);
    expect(client.nextEvent()).toMatchObject({ type: "closed", error: { code: "unexpected-message" } });
    expect(client.isOver).toBe(true);
  });

  test.each(["opening", "attached", "attaching", "proving"] as const)(
    "attaches only when detached, not %s",
    (state) => {
      const client = clientIn(state);
      expect(() => client.attach()).toThrow(expect.objectContaining({ code: "usage" }));
      expect(clientIn("detached").isAttached).toBe(false);
    },
  );

  test("cannot be attached again once it has ended", () => {
    const client = clientIn("attached");
    client.discard();
    expect(client.detach()).toBe(false);
  });

  test("passes an exception of `hmac` on, and does not end", () => {
    const failure = new TypeError("no HMAC");
    const client = new ClientTunnel(
      { ticket: "", host: "a", port: 22 },
      {
        growth: { spare: 0 },
        hmac: () => {
          throw failure;
        },
      },
    );
    STATES.attaching(client);
    expect(() => client.receive(encodeTunnelMessage(challenge), 0)).toThrow(failure);
    expect([client.isOver, client.nextEvent()]).toEqual([false, undefined]);
  });

  test("refuses to consume more than it received", () => {
    const pair = new Pair();
    pair.run();
    pair.gateway.tunnel.write(new Uint8Array(3));
    pair.run({ consume: false });
    pair.client.tunnel.consumed(3);
    expect(() => pair.client.tunnel.consumed(1)).toThrow(expect.objectContaining({ code: "internal" }));
  });
});
