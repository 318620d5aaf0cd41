import { decodeTerminalModes, encodeTerminalModes } from "@nacre/connection";
import { terminalModeWords } from "../../../packages/cli/src/terminal-mode-words.ts";
import { attempt, expectEqual, expectTrue } from "../contract.ts";
import type { Target } from "../engine/target.ts";

/** The modes of a terminal, and what they make stty do. */
export const terminalModes: Target = {
  name: "terminal-modes",
  run: (bytes) => {
    const modes = attempt(() => decodeTerminalModes(bytes));
    if (modes === undefined) return;
    expectEqual(decodeTerminalModes(encodeTerminalModes(modes)), modes, "terminal modes");
    for (const word of terminalModeWords(modes))
      expectTrue(/^[!-~]+$/.test(word), `stty would get the argument "${word}"`);
  },
};
