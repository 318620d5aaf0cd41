// The script of the page of the `web` case. `web-browser.ts` calls its functions through Chromium's debugging protocol.
import type { WebTransferTask } from "../web/web-tasks.ts";
import { prepareTransfer, type ReadyTransfer } from "../web/web-transfer.ts";

let ready: ReadyTransfer;

Object.assign(globalThis, {
  async prepareTransfer(task: WebTransferTask) {
    const response = await fetch("/block");
    ready = await prepareTransfer(task, { WebSocket, block: new Uint8Array(await response.arrayBuffer()) });
    return true;
  },
  runTransfer: () => ready(),
});
