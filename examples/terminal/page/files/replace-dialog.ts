import { escapeText } from "nacre";
import { element, withText } from "../elements.ts";

const dialog = element("replace", HTMLDialogElement);

/** Asks whether an upload may replace what the host has. Resolves with the answer; closing the dialog or `signal` refuses. */
export function askToReplace(names: readonly string[], signal: AbortSignal): Promise<boolean> {
  element("replace-names", HTMLElement).replaceChildren(...names.map((name) => withText("li", escapeText(name))));
  return new Promise((resolve) => {
    const refuse = (): void => dialog.close("keep");
    signal.addEventListener("abort", refuse);
    dialog.returnValue = "";
    dialog.showModal();
    dialog.onclose = () => {
      signal.removeEventListener("abort", refuse);
      resolve(dialog.returnValue === "replace");
    };
    if (signal.aborted) refuse();
  });
}
