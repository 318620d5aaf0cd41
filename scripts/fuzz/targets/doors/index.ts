import type { Target } from "../../engine/target.ts";
import { playDoor } from "../sessions/script.ts";
import { ClientDoor } from "./client-door.ts";
import { ServerDoor } from "./server-door.ts";

/** A client as applications have it, with a server that says what the input tells. */
export const clientDoor: Target = {
  name: "client-door",
  run: (input) => playDoor(input, (suite) => new ClientDoor(suite)),
};

/** A server as applications have it, with a client that says what the input tells. */
export const serverDoor: Target = {
  name: "server-door",
  run: (input) => playDoor(input, (suite) => new ServerDoor(suite)),
};
