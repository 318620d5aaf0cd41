/** A process that serves plain TCP: the target of tunnels. */
import { servePlain } from "./plain-server.ts";
import { work } from "./worker.ts";

work((task) =>
  task.kind === "serve-plain" ? servePlain(task.host, 0) : Promise.reject(new Error("no task for a target")),
);
