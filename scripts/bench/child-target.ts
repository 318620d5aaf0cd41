/** A process with a plain TCP server: the target of tunnels. */
import { servePlain } from "./plain-server.ts";
import { work } from "./worker.ts";

work((task) =>
  task.kind === "serve-plain" ? servePlain(task.host, 0) : Promise.reject(new Error(`unexpected task ${task.kind}`)),
);
