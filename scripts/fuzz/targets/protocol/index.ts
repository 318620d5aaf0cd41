import type { Target } from "../../fuzzer/target.ts";
import { ClientSubject } from "./client-subject.ts";
import { play } from "./script.ts";
import { ServerSubject } from "./server-subject.ts";

/** The protocol machine of a client, with a server that follows the steps of the input. */
export const clientSession: Target = {
  name: "client-session",
  run: (input) => play(input, (suite) => new ClientSubject(suite)),
};

/** The protocol machine of a server, with a client that follows the steps of the input. */
export const serverSession: Target = {
  name: "server-session",
  run: (input) => play(input, (suite) => new ServerSubject(suite)),
};
