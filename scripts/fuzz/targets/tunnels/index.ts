import { decodeTunnelMessage, encodeTunnelMessage } from "@nacre/tunnel";
import { attempt, expectEqual } from "../../contract.ts";
import type { Target } from "../../fuzzer/target.ts";
import { playTunnel } from "./script.ts";

/** A tunnel message. It has one encoding: a decoded message encodes to the same bytes. */
export const tunnelMessages: Target = {
  name: "tunnel-messages",
  run: (bytes) => {
    const message = attempt(() => decodeTunnelMessage(bytes));
    if (message !== undefined) expectEqual(encodeTunnelMessage(message), bytes, `tunnel message ${message.type}`);
  },
};

/** A client's and a gateway's end of one tunnel, whose WebSockets follow the steps of the input. */
export const tunnelPair: Target = { name: "tunnel-pair", run: playTunnel };
