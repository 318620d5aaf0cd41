/** A process with the pages of a gateway: WebSockets that send data and compare what comes back. */
import { closePages, echoPages, openPages } from "../gateway/gateway-pages.ts";
import { work } from "./worker.ts";

work((task) => {
  switch (task.kind) {
    case "open-pages":
      return openPages(task);
    case "echo-pages":
      return echoPages(task);
    case "close-pages":
      return closePages();
    default:
      return Promise.reject(new Error(`unexpected task ${task.kind}`));
  }
});
