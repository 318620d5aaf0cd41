import { type Bytes, equalBytes } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { decodeTunnelMessage, encodeTunnelMessage } from "../src/index.ts";
import { Pair, pattern } from "./support.ts";

describe("GatewayTunnel", () => {
  test("sends the rest of a partly acknowledged message again", () => {
    const pair = new Pair();
    pair.run();
    const bytes = pattern(40_000);
    const message = encodeTunnelMessage({ type: "data", data: bytes });
    pair.gateway.tunnel.writeMessage(message);
    pair.send();
    pair.gateway.tunnel.receive(encodeTunnelMessage({ type: "acknowledge", consumed: 10_000 }), 0);
    // The bytes are lost with their WebSocket: the client has the first 10,000.
    pair.client.tunnel.receive(encodeTunnelMessage({ type: "data", data: bytes.subarray(0, 10_000) }), 0);
    pair.client.settle();
    pair.lose();
    pair.gateway.tunnel.detach();
    expect(pair.attach()).toBe(true);
    pair.run();
    expect(equalBytes(pair.client.received, bytes)).toBe(true);
  });

  test("leaves no handshake message of a lost WebSocket for the next one", () => {
    const pair = new Pair();
    pair.run();
    const types: string[] = [];
    for (let i = 0; i < 2; i++) {
      pair.lose();
      pair.gateway.tunnel.detach();
      expect(pair.gateway.tunnel.takeMessage(0)).toBeUndefined();
      // The gateway's ATTACHED is queued, but the WebSocket is lost before it leaves.
      expect(pair.attach()).toBe(true);
      if (i === 0) pair.client.tunnel.receive(encodeTunnelMessage({ type: "attached", received: 0 }), 0);
    }
    for (let m: Bytes | undefined; (m = pair.gateway.tunnel.takeMessage(0)) !== undefined; )
      types.push(decodeTunnelMessage(m).type);
    expect(types).toEqual(["attached"]);
  });
});
