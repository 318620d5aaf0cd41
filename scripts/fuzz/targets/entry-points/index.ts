import type { Target } from "../../fuzzer/target.ts";
import { playEntryPoint } from "../protocol/script.ts";
import { ClientEntryPoint } from "./client-entry-point.ts";
import { ServerEntryPoint } from "./server-entry-point.ts";

/** Client made by `connect`. Its server follows the steps of the input. */
export const clientEntryPoint: Target = {
  name: "client-entry-point",
  run: (input) => playEntryPoint(input, (suite) => new ClientEntryPoint(suite)),
};

/** Server made by `serve`. Its client follows the steps of the input. */
export const serverEntryPoint: Target = {
  name: "server-entry-point",
  run: (input) => playEntryPoint(input, (suite) => new ServerEntryPoint(suite)),
};
