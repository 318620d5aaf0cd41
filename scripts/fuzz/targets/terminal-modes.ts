import { decodeTerminalModes, encodeTerminalModes } from "@nacre/connection";
import { attempt, expectEqual } from "../contract.ts";
import type { Target } from "../engine/target.ts";

export const terminalModes: Target = {
  name: "terminal-modes",
  run: (bytes) => {
    const modes = attempt(() => decodeTerminalModes(bytes));
    if (modes !== undefined) expectEqual(decodeTerminalModes(encodeTerminalModes(modes)), modes, "terminal modes");
  },
};
