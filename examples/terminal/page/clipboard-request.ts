import { element } from "./elements.ts";
import { clipboardText, preview } from "./osc52.ts";

const box = element("clipboard-request", HTMLElement);
const lengthText = element("clipboard-length", HTMLElement);
const textView = element("clipboard-text", HTMLElement);

/** Texts that the host wants to put on the clipboard (OSC 52). Each needs the user's consent; the clipboard is never read for the host. */
export class ClipboardRequests {
  #pending: string | undefined;
  #refusesAll = false;
  readonly #onAnswer: () => void;

  /** `onAnswer` is called when the request disappears, to return the focus to the terminal. */
  constructor(onAnswer: () => void) {
    this.#onAnswer = onAnswer;
    element("clipboard-accept", HTMLButtonElement).onclick = () => void this.#accept();
    element("clipboard-refuse", HTMLButtonElement).onclick = () => this.#close();
    element("clipboard-refuse-all", HTMLButtonElement).onclick = () => {
      this.#refusesAll = true;
      this.#close();
    };
    this.#hide();
  }

  /** Handles the data of an OSC 52 sequence. The focus stays in the terminal: a key that the user is typing must not give consent. */
  receive(data: string): void {
    const text = clipboardText(data);
    // A later request must not replace the text while the user reads it.
    if (text === undefined || this.#refusesAll || this.#pending !== undefined) return;
    this.#pending = text;
    lengthText.textContent = text.length === 1 ? "1 character" : `${text.length} characters`;
    textView.textContent = preview(text);
    box.hidden = false;
  }

  /** Drops a pending request. */
  dispose(): void {
    this.#hide();
  }

  async #accept(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.#pending ?? "");
      this.#close();
    } catch {
      textView.textContent = "The browser does not permit this page to write to the clipboard.";
    }
  }

  #close(): void {
    this.#hide();
    this.#onAnswer();
  }

  #hide(): void {
    this.#pending = undefined;
    box.hidden = true;
    textView.textContent = "";
  }
}
