import { escapeText, type PromptRequest } from "nacre";
import { element, withText } from "./elements.ts";

const dialog = element("prompts", HTMLDialogElement);
const fields = element("prompts-fields", HTMLElement);

/** Shows the prompts of keyboard-interactive authentication. Resolves with the responses, or `undefined` if the user cancels. */
export function askPrompts({ name, instruction, prompts }: PromptRequest): Promise<readonly string[] | undefined> {
  if (prompts.length === 0) return Promise.resolve([]);
  const text = [name, instruction].filter((part) => part !== "").map((part) => escapeText(part));
  element("prompts-text", HTMLElement).textContent = text.join(" — ");
  const inputs = prompts.map(({ echo }) => {
    const input = document.createElement("input");
    input.type = echo ? "text" : "password";
    input.autocomplete = "off";
    return input;
  });
  fields.replaceChildren(
    ...prompts.map(({ prompt }, i) => {
      const label = withText("label", escapeText(prompt), "field");
      label.append(inputs[i]!);
      return label;
    }),
  );
  return new Promise((resolve) => {
    dialog.returnValue = "";
    dialog.showModal();
    inputs[0]!.focus();
    // Not a submit button: Enter in a field would press it, because it comes first.
    element("prompts-cancel", HTMLButtonElement).onclick = () => dialog.close();
    dialog.onclose = () => {
      const answers = inputs.map(({ value }) => value);
      fields.replaceChildren();
      resolve(dialog.returnValue === "answer" ? answers : undefined);
    };
  });
}
