import type { Target } from "../../fuzzer/target.ts";
import { playEntryPoint } from "../sessions/script.ts";
import { ClientEntryPoint } from "./client-entry-point.ts";
import { ServerEntryPoint } from "./server-entry-point.ts";

/** A client made by `connectDuplex`, with a server that follows the steps of the input. */
export const clientEntryPoint: Target = {
  name: "client-entry-point",
  run: (input) => playEntryPoint(input, (suite) => new ClientEntryPoint(suite)),
};

/** A server made by `serveDuplex`, with a client that follows the steps of the input. */
export const serverEntryPoint: Target = {
  name: "server-entry-point",
  run: (input) => playEntryPoint(input, (suite) => new ServerEntryPoint(suite)),
};
