import { Askpass, askpassUse } from "./askpass.ts";
import { openTerminal, type TerminalDescriptors, terminalOn } from "./terminal.ts";

/** Asks the user, one question at a time. Texts are shown unchanged; escape texts from a server first. */
export interface Asker {
  /** Shows text. End it with a newline. */
  show(text: string): void;
  /** Resolves with the answer. `echo` is whether it may be seen while it is typed. */
  ask(prompt: string, options: { readonly echo: boolean }): Promise<string>;
  /** Ends the questions. Returns input typed after the last answer. */
  close(): string;
}

/**
 * Returns the terminal, or the program that asks in its place, as ssh(1) chooses between them. Returns `undefined` if neither may ask. A
 * process in the background passes the terminal that it inherited.
 */
export function openAsker(background?: { readonly terminal: TerminalDescriptors | undefined }): Asker | undefined {
  const use = askpassUse(process.env);
  if (use === "always") return new Askpass();
  const terminal = background === undefined ? openTerminal() : background.terminal && terminalOn(background.terminal);
  return terminal ?? (use === "without-terminal" ? new Askpass() : undefined);
}
