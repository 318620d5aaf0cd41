import type { Target } from "../../engine/target.ts";
import { playDoor } from "../sessions/script.ts";
import { ClientDoor } from "./client-door.ts";
import { ServerDoor } from "./server-door.ts";

/** A client made by `connectDuplex`, with a server that follows the steps of the input. */
export const clientDoor: Target = {
  name: "client-door",
  run: (input) => playDoor(input, (suite) => new ClientDoor(suite)),
};

/** A server made by `serveDuplex`, with a client that follows the steps of the input. */
export const serverDoor: Target = {
  name: "server-door",
  run: (input) => playDoor(input, (suite) => new ServerDoor(suite)),
};
