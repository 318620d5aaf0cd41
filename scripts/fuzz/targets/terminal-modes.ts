import { terminalModeWords } from "../../../packages/cli/src/terminal/terminal-mode-words.ts";
import { decodeTerminalModes, encodeTerminalModes } from "../../../packages/nacre/src/session/terminal-modes.ts";
import { attempt, expectEqual, expectTrue } from "../contract.ts";
import type { Target } from "../fuzzer/target.ts";

/** Terminal modes, and the arguments for stty derived from them. */
export const terminalModes: Target = {
  name: "terminal-modes",
  run: (bytes) => {
    const modes = attempt(() => decodeTerminalModes(bytes));
    if (modes === undefined) return;
    expectEqual(decodeTerminalModes(encodeTerminalModes(modes)), modes, "terminal modes");
    for (const word of terminalModeWords(modes))
      expectTrue(/^[!-~]+$/.test(word), `unsafe argument "${word}" for stty`);
  },
};
