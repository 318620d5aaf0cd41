/** A process with the program of the page: the portable client over a WebSocket of Node, or of the package `ws` before Node 22. */

import WsWebSocket from "ws";
import { block } from "../bulk/payload.ts";
import { stopwatch } from "../measure/measured-client.ts";
import type { WebTransferResult } from "../web/web-tasks.ts";
import { prepareTransfer } from "../web/web-transfer.ts";
import { work } from "./worker.ts";

work(async (task): Promise<WebTransferResult> => {
  if (task.kind !== "web-transfer") throw new Error(`unexpected task ${task.kind}`);
  const { origin } = task;
  /** Sends the header `Origin`, which the gateway requires. */
  class WithOrigin extends WsWebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, { origin, perMessageDeflate: false });
    }
  }
  const run = await prepareTransfer(task, { WebSocket: WithOrigin, block: new Uint8Array(block) });
  const lap = stopwatch();
  const outcome = await run();
  return { ...outcome, cpuSeconds: lap().cpuSeconds };
});
