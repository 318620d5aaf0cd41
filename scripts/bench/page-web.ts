// The script of the page of the `web` case. `case-web.ts` calls `runTransfer` through Chromium's debugging protocol.
import type { WebTransferTask } from "./web-tasks.ts";
import { transfer } from "./web-transfer.ts";

Object.assign(globalThis, {
  async runTransfer(task: WebTransferTask) {
    const response = await fetch("/block");
    return transfer(task, { WebSocket, block: new Uint8Array(await response.arrayBuffer()) });
  },
});
