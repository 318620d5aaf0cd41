import { button, copyFrom, messageOf, withText } from "./elements.ts";
import type { PageKey } from "./page-keys.ts";

/** Words for the buttons of a card. */
export interface KeyWords {
  /** The key with its article, such as `"a key"`. */
  readonly key: string;
  /** Question before the key is deleted. */
  readonly confirmDelete: string;
}

/** Shows a key of the page: a button to make it, then its authorized_keys line with buttons to copy and delete. */
export class KeyCard {
  readonly #box: HTMLElement;
  readonly #key: PageKey;
  readonly #words: KeyWords;

  constructor(box: HTMLElement, key: PageKey, words: KeyWords) {
    this.#box = box;
    this.#key = key;
    this.#words = words;
  }

  /** Shows the current state of the key, and a problem with it. */
  async show(problem = ""): Promise<void> {
    try {
      const identity = await this.#key.get();
      if (identity === undefined) this.#showMissing(problem);
      else this.#showLine(identity.authorizedKeysLine(this.#key.comment), problem);
    } catch (error) {
      this.#showMissing(messageOf(error));
    }
  }

  /** Makes or deletes the key. Shows the key that the page has then, and why the change failed. */
  async #change(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
      await this.show();
    } catch (error) {
      await this.show(messageOf(error));
    }
    this.#box.querySelector("button")?.focus();
  }

  #showMissing(problem: string): void {
    const make = button(`Make ${this.#words.key}`, () => void this.#change(() => this.#key.make()));
    this.#box.replaceChildren(make, withText("p", problem, "problem"));
  }

  #showLine(line: string, problem: string): void {
    const label = withText("p", "Add this line to ~/.ssh/authorized_keys on the host:", "label");
    const code = withText("code", line);
    const copy = button("Copy line", () => void copyFrom(copy, line));
    const remove = button("Delete", () => {
      if (confirm(this.#words.confirmDelete)) void this.#change(() => this.#key.delete());
    });
    const actions = document.createElement("div");
    actions.className = "actions";
    actions.append(copy, remove);
    this.#box.replaceChildren(label, code, actions, withText("p", problem, "problem"));
  }
}
