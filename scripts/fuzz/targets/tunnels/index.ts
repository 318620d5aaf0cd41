import { decodeTunnelMessage, encodeTunnelMessage } from "@nacre/tunnel";
import { attempt, expectEqual } from "../../contract.ts";
import type { Target } from "../../fuzzer/target.ts";
import { playTunnel } from "./script.ts";

/** Decodes a tunnel message. Encodings are unique: a decoded message must encode to the same bytes. */
export const tunnelMessages: Target = {
  name: "tunnel-messages",
  run: (bytes) => {
    const message = attempt(() => decodeTunnelMessage(bytes));
    if (message !== undefined) expectEqual(encodeTunnelMessage(message), bytes, `tunnel message ${message.type}`);
  },
};

/** Plays both ends of one tunnel, client and gateway. The input describes the steps of their WebSockets. */
export const tunnelPair: Target = { name: "tunnel-pair", run: playTunnel };
